#include "daemon/core/url.hpp"

#include "daemon/core/address.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

bool is_port(std::string_view text) {
    return !text.empty() && text.size() <= 5 &&
           text.find_first_not_of("0123456789") == std::string_view::npos &&
           std::stoi(std::string(text)) <= 65535;
}

Error bad_url(std::string_view text, std::string_view why) {
    return fail(Errc::invalid_config,
                "'" + std::string(text) + "' is not a URL to post to: " + std::string(why));
}

Result<Url> parse_unix_url(std::string_view text, Url url) {
    const std::string_view rest = text.substr(std::string_view("unix:").size());
    const auto colon = rest.find(":/");
    url.scheme = Url::Scheme::unix_socket;
    url.socket = rest.substr(0, colon);
    if (colon != std::string_view::npos) url.target = rest.substr(colon + 1);
    if (!url.socket.starts_with('/')) return bad_url(text, "the socket's path must begin with '/'");
    return url;
}

Result<> split_authority(std::string_view text, std::string_view authority, Url& url) {
    if (authority.find('@') != std::string_view::npos)  // not repeated: it may hold a password
        return fail(Errc::invalid_config, "this URL has a user name in it, which is not supported");
    const bool bracketed = authority.starts_with('[');
    const auto host_end = bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
    if (host_end == std::string_view::npos) return bad_url(text, "']' is missing");
    url.host = authority.substr(bracketed, host_end - bracketed);
    if (url.host.empty()) return bad_url(text, "the host is missing");
    std::string_view rest = authority.substr(host_end + bracketed);
    if (rest.empty()) return {};
    if (!rest.starts_with(':') || !is_port(rest.substr(1)))
        return bad_url(text, "the port must be a number up to 65535");
    url.port = rest.substr(1);
    return {};
}

}  // namespace

std::string Url::peer() const {
    if (scheme == Scheme::unix_socket) return "unix:" + socket;
    const bool ipv6 = host.find(':') != std::string::npos;
    const bool usual = port == (scheme == Scheme::http ? "80" : "443");
    return (ipv6 ? "[" + host + "]" : host) + (usual ? "" : ":" + port);
}

bool Url::is_local() const {
    static const Network four = *Network::parse("127.0.0.0/8"), six = *Network::parse("::1/128");
    if (scheme == Scheme::unix_socket || host == "localhost") return true;
    const auto address = Address::parse(host);
    return address && (four.contains(*address) || six.contains(*address));
}

Result<Url> parse_url(std::string_view text) {
    Url url;
    for (const char c : text)
        if (static_cast<unsigned char>(c) <= ' ' || c == '#')
            return bad_url(text, "it has a space or a '#' in it");
    if (text.starts_with("unix:")) return parse_unix_url(text, std::move(url));
    if (text.starts_with("https://"))
        url.scheme = Url::Scheme::https;
    else if (!text.starts_with("http://"))
        return bad_url(text, "it must begin with http://, https:// or unix:/");
    url.port = url.scheme == Url::Scheme::https ? "443" : "80";
    const std::string_view rest = text.substr(text.find("//") + 2);
    const auto path = std::min(rest.find_first_of("/?"), rest.size());
    if (path < rest.size()) url.target = (rest[path] == '?' ? "/" : "") + std::string(rest.substr(path));
    if (auto r = split_authority(text, rest.substr(0, path), url); !r) return r.error();
    return url;
}

}  // namespace hookswitch
