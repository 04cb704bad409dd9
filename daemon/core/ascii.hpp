#pragma once

// Text of protocols, which is ASCII: names without regard to case, values without blanks around them,
// whole numbers. Nothing here depends on a locale.

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace hookswitch {

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

/// Without the spaces and tabs around it.
inline std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// nullopt unless all of `text` is one number that fits. No blanks and no plus sign; a floating-point
/// number may also be "inf" or "nan".
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace hookswitch
