#pragma once

// Which time of the platform's its REST API is spoken to in: paths, names and envelopes differ.
//
// Source: Flireo protocol reference, section 1.

#include <optional>
#include <string_view>

namespace hookswitch {

enum class Era { camel, snake, late };

/// "camel", "snake", "late".
std::string_view name_of(Era era);
std::optional<Era> era_named(std::string_view name);

}  // namespace hookswitch
