#include "daemon/columns.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

// Continuation bytes of UTF-8 are 10xxxxxx.
bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

std::size_t text_width(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string cut_to(std::string_view text, std::size_t widest) {
    if (text_width(text) <= widest) return std::string(text);
    std::size_t characters = 0, end = 0;
    while (end < text.size() && (!begins_character(text[end]) || ++characters < widest)) ++end;
    return std::string(text.substr(0, end)) + "…";
}

std::string aligned_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        line += cells[i];
        const std::size_t width = text_width(cells[i]);
        if (i + 1 < cells.size()) line.append(widths[i] + 2 - std::min(widths[i], width), ' ');
    }
    return line;
}

}  // namespace hookswitch
