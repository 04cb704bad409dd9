#include "daemon/core/query.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

namespace hookswitch {

Result<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    while (!text.empty()) {
        const auto plain = std::min(text.find('%'), text.size());
        decoded.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        unsigned char byte = 0;
        const auto [end, ec] =
            std::from_chars(text.data() + 1, text.data() + std::min<std::size_t>(text.size(), 3), byte, 16);
        if (ec != std::errc() || end != text.data() + 3)
            return fail(Errc::bad_request, "'%' without two hexadecimal digits");
        decoded += static_cast<char>(byte);
        text.remove_prefix(3);
    }
    const bool control = std::ranges::any_of(decoded, [](unsigned char c) { return c < ' ' || c == 0x7f; });
    if (control || !simdjson::validate_utf8(decoded)) return fail(Errc::bad_request, "not text");
    return decoded;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view kPlain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";  // RFC 3986, unreserved
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (kPlain.find(c) != std::string_view::npos)
            encoded += c;
        else
            encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
    return encoded;
}

Result<std::string> path_segment(std::string_view parameter) {
    if (parameter.empty() || parameter == "." || parameter == "..")
        return fail(Errc::bad_request, "'" + std::string(parameter) + "' is not an id");
    return percent_encode(parameter);
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> parameters;
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto parameter = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (parameter.empty()) continue;
        const auto equals = std::min(parameter.find('='), parameter.size());
        TRY(auto name, percent_decode(parameter.substr(0, equals)));
        TRY(auto value, percent_decode(parameter.substr(std::min(equals + 1, parameter.size()))));
        parameters.emplace_back(std::move(name), std::move(value));
    }
    return parameters;
}

}  // namespace hookswitch
