#pragma once

// Quantities as people write them in the configuration and on the command line: always with a unit,
// because a bare number would have to be guessed at.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

/// "250ms", "5s", "5m", "2h", "30d"; "0s" is zero. nullopt for anything else, also for a fraction, a
/// sign, a space, and for what does not fit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// "512B", "64KiB", "2MiB", "1GiB", in bytes. nullopt for anything else.
std::optional<std::size_t> parse_size(std::string_view text);

/// The shortest text that parse_duration reads as the same: "5m", "4500ms".
std::string duration_text(std::chrono::milliseconds duration);

/// The shortest text that parse_size reads as the same: "2MiB", "1025B".
std::string size_text(std::size_t bytes);

}  // namespace hookswitch
