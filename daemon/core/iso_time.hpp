#pragma once

// Times as the platform and our own output write them (ISO 8601 / RFC 3339).

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

using Milliseconds = std::chrono::sys_time<std::chrono::milliseconds>;

/// "2025-12-13T12:00:00.000Z".
std::string iso_time(Milliseconds time);

/// Date, 'T', time, optional fraction, and 'Z' or an offset ("+01:00"); nullopt for anything else.
/// Digits past the millisecond are cut off.
std::optional<Milliseconds> parse_iso_time(std::string_view text);

/// "Fri, 09 Jan 2026 14:56:48 GMT", as HTTP's fields have it (RFC 9110, 5.6.7).
std::string http_date(std::chrono::sys_seconds time);

/// What such a field says, in any of the three forms that are to be understood; nullopt for anything else.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

}  // namespace hookswitch
