#pragma once

// Points in time as people who search name them.

#include "daemon/core/iso_time.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace hookswitch {

/// A time, or so long ago.
struct Moment {
    std::optional<Milliseconds> at;
    std::chrono::milliseconds ago{0};

    Milliseconds seen_from(Milliseconds now) const { return at.value_or(now - ago); }
};

/// "2026-01-09T14:00:00Z", "2026-01-09" (its beginning in UTC) or "2h" (ago); nullopt for anything else.
std::optional<Moment> parse_moment(const std::string& text);

}  // namespace hookswitch
