#pragma once

// How often an API key may ask, and how often a call may be commanded.
//
// Source: Flireo protocol reference, 6.3; the kind of window is not documented, so it can be chosen.

#include "daemon/core/iso_time.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace hookswitch::simulator {

enum class WindowKind { fixed, sliding, off };

std::optional<WindowKind> window_kind_named(std::string_view name);

/// What the header fields of an answer say.
struct RateLimit {
    std::int64_t limit = 0, remaining = 0;
    std::chrono::sys_seconds reset;  // when there will be more; rounded up
    bool exceeded = false;
};

/// One window of a minute for each name.
class RateLimits {
public:
    RateLimits(WindowKind kind, std::int64_t limit) : kind_(kind), limit_(limit) {}

    /// Takes one. If there is none, `exceeded`.
    RateLimit take(std::string_view name, Milliseconds now);

    /// Takes none.
    RateLimit look(std::string_view name, Milliseconds now) const;

private:
    struct Window {
        std::deque<Milliseconds> taken;  // a fixed window only needs the first, and how many
    };

    bool is_over(const Window& window, Milliseconds now) const;
    RateLimit state_of(const Window& window, Milliseconds now) const;
    void forget_old(Milliseconds now);

    WindowKind kind_;
    std::int64_t limit_;
    std::unordered_map<std::string, Window> windows_;
    Milliseconds forgot_{};
};

}  // namespace hookswitch::simulator
