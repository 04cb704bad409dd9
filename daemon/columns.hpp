#pragma once

// Tables for people: cells under each other.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// In characters; good enough for what is not wide or combining.
std::size_t text_width(std::string_view text);

/// The first characters of a text that is wider than `widest`, and "…".
std::string cut_to(std::string_view text, std::size_t widest);

/// The cells with two blanks between columns that are `widths` wide; the last is not filled up.
std::string aligned_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths);

}  // namespace hookswitch
