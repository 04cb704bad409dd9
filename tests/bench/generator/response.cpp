#include "response.hpp"

#include <strings.h>

#include <charconv>
#include <cstddef>

namespace bench {
namespace {

bool is_field(std::string_view line, std::string_view name) {
    return line.size() > name.size() && line[name.size()] == ':' &&
           strncasecmp(line.data(), name.data(), name.size()) == 0;
}

std::string_view value_of(std::string_view line) {
    line.remove_prefix(line.find(':') + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    return line;
}

}  // namespace

Read read_response(std::string_view bytes, Response& out) {
    const std::size_t head_end = bytes.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return Read::incomplete;
    std::string_view head = bytes.substr(0, head_end + 2);
    if (!head.starts_with("HTTP/1.1 ")) return Read::unreadable;
    out.ok = head.substr(9, 3) == "200";

    bool has_length = false;
    std::size_t length = 0;
    for (head.remove_prefix(head.find("\r\n") + 2); !head.empty();
         head.remove_prefix(head.find("\r\n") + 2)) {
        const std::string_view line = head.substr(0, head.find("\r\n"));
        if (is_field(line, "content-length")) {
            const std::string_view text = value_of(line);
            has_length = std::from_chars(text.data(), text.data() + text.size(), length).ec == std::errc();
        } else if (is_field(line, "x-hookswitch-duplicate")) {
            out.duplicate = true;
        } else if (is_field(line, "connection")) {
            out.close = strncasecmp(value_of(line).data(), "close", 5) == 0;
        }
    }
    if (!has_length) return Read::unreadable;
    if (bytes.size() < head_end + 4 + length) return Read::incomplete;
    out.body = bytes.substr(head_end + 4, length);
    return Read::complete;
}

}  // namespace bench
