#pragma once

// A second opinion on where an HTTP/1.1 message ends: RFC 9112 read by somebody who forgives nothing
// and knows no more than this. What our parser accepts must be accepted here and mean the same; else
// a proxy in front can be made to see other requests than we do.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch::fuzz {

inline bool is_token(std::string_view text) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               kMarks.find(c) != kMarks.npos;
    });
}

/// Takes a line off `text`; nullopt if there is none or it holds a lone CR, a lone LF or a NUL.
inline std::optional<std::string_view> take_line(std::string_view& text) {
    const auto end = text.find("\r\n");
    if (end == text.npos) return std::nullopt;
    const auto line = text.substr(0, end);
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != line.npos) return std::nullopt;
    text.remove_prefix(end + 2);
    return line;
}

struct StrictField {
    std::string name;  // in lower case
    std::string_view value;
};

/// Takes fields and the empty line behind them off `text`.
inline std::optional<std::vector<StrictField>> take_fields(std::string_view& text) {
    std::vector<StrictField> fields;
    for (;;) {
        const auto line = take_line(text);
        if (!line) return std::nullopt;
        if (line->empty()) return fields;
        const auto colon = line->find(':');
        if (colon == line->npos || !is_token(line->substr(0, colon))) return std::nullopt;
        std::string name(line->substr(0, colon));
        std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c | 32 : c; });
        auto value = line->substr(colon + 1);
        while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
        while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
        fields.push_back({std::move(name), value});
    }
}

struct StrictChunks {
    std::string body;
    std::size_t size = 0;  // of the coded body
};

/// The chunked body that `text` begins with; nullopt if it is not whole or not strictly one.
inline std::optional<StrictChunks> strict_chunks(const std::string_view text) {
    StrictChunks out;
    auto rest = text;
    for (;;) {
        const auto line = take_line(rest);
        if (!line) return std::nullopt;
        std::uint64_t size = 0;
        std::size_t digits = 0;
        for (; digits < line->size() &&
               std::string_view("0123456789abcdefABCDEF").find((*line)[digits]) != std::string_view::npos;
             ++digits) {
            const char c = (*line)[digits];
            if (size >> 60) return std::nullopt;
            size = size * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        }
        const auto extension = line->substr(digits).find_first_not_of(" \t");
        if (digits == 0 || (extension != line->npos && (*line)[digits + extension] != ';'))
            return std::nullopt;
        if (size == 0) break;
        if (rest.size() < 2 || size > rest.size() - 2) return std::nullopt;
        out.body.append(rest.substr(0, size));
        rest.remove_prefix(size);
        if (!rest.starts_with("\r\n")) return std::nullopt;
        rest.remove_prefix(2);
    }
    if (!take_fields(rest)) return std::nullopt;
    out.size = text.size() - rest.size();
    return out;
}

/// True if a chunk's extension seems to open a quotation that its line does not close. Beast looks for
/// the end of it in what follows and counts the chunk against the limit again with each look, so that
/// whether this is refused, and as what, depends on how the bytes arrive. It is never accepted.
inline bool leaves_a_quote_open(std::string_view text) {
    for (auto end = text.find("\r\n"); end != text.npos; end = text.find("\r\n")) {
        const auto line = text.substr(0, end);
        text.remove_prefix(end + 2);
        const auto extension = line.find(';');
        if (extension == line.npos) continue;
        bool open = false;
        for (std::size_t i = extension; i < line.size(); ++i) {
            if (line[i] == '"') open = !open;
            if (line[i] == '\\' && open) ++i;
        }
        if (open) return true;
    }
    return false;
}

}  // namespace hookswitch::fuzz
