#pragma once

// Lists that are kept as text, one item a line.

#include <algorithm>
#include <string_view>

namespace hookswitch {

/// Calls `each(std::string_view)` for every line, without its newline.
template <class F>
void for_each_line(std::string_view lines, F each) {
    while (!lines.empty()) {
        const auto end = std::min(lines.find('\n'), lines.size());
        each(lines.substr(0, end));
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
}

}  // namespace hookswitch
