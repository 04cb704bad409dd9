#pragma once

// How many requests the platform still takes. Kept from what we sent and from what its answers say, so
// that a 429 is rare: it costs a round trip of a call that is going on.
//
// Whether the platform's window is fixed or slides is unknown; never more than the limit in any
// minute keeps both. Takes the time as an argument: this ring reads no clock.
//
// Source: Flireo protocol reference, 6.3 (100 a minute for a key, 10 a minute for a call; headers).

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

namespace hookswitch {

class RateBudget {
public:
    using Time = std::chrono::steady_clock::time_point;

    static constexpr std::chrono::seconds kWindow{60};

    explicit RateBudget(std::int64_t limit) : limit_(limit) {}

    /// When the next request may go, if nothing is heard before: at most `now` if at once. `kept_back`
    /// of the limit are left for others.
    Time next(Time now, std::int64_t kept_back = 0);

    void sent(Time now);

    /// What an answer's header fields say: X-RateLimit-Limit, -Remaining, and -Reset as a time.
    /// `in_flight`: requests of ours that it may not have counted yet.
    void seen(std::int64_t limit, std::int64_t remaining, Time reset, std::int64_t in_flight);

    /// A 429 came: nothing goes before `until`.
    void exhausted(Time until);

    std::int64_t limit() const { return limit_; }

    /// Nothing of the past holds back anything any more.
    bool at_rest(Time now);

private:
    struct Slot {
        Time begin;
        std::int64_t count;
    };
    void forget(Time now);

    std::int64_t limit_;
    std::deque<Slot> slots_;  // what was sent in the last minute, by second
    std::int64_t sent_ = 0;   // sum of slots_
    // Of the platform's window, as last heard; until `server_reset_`.
    std::int64_t server_remaining_ = 0;
    Time server_reset_ = Time::min();
};

}  // namespace hookswitch
