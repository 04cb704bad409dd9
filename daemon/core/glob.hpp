#pragma once

// Shell-style patterns for routes and lists of numbers.

#include <string_view>

namespace hookswitch {

/// `*` matches any run of bytes, also none; `?` one byte; everything else itself, case-sensitively.
/// Linear in practice: one level of backtracking, never exponential.
bool glob_match(std::string_view pattern, std::string_view text) noexcept;

}  // namespace hookswitch
