#pragma once

// Whether a service is worth asking. After some failures in a row it is left alone for a while, and what
// would have asked it fails at once instead of waiting in vain; then single requests find out whether it is
// back. Decides; starts nothing, waits for nothing and reads no clock.

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

namespace hookswitch {

struct CircuitBreakerSettings {
    std::size_t failures = 5;               // in a row; 0: the service is always asked
    std::chrono::milliseconds pause{5000};  // before it is tried again

    bool operator==(const CircuitBreakerSettings&) const = default;
};

class CircuitBreaker {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// A request that may be made. It ends in exactly one of succeeded(), failed() and withdrawn().
    struct Pass {
        bool waited_for = false;
        bool trial = false;
    };

    explicit CircuitBreaker(CircuitBreakerSettings settings) : settings_(settings) {}

    /// Nothing while it is open, but for one trial at a time after each pause: one of the requests that a
    /// caller waits for and one of the others, which may take much longer to fail.
    std::optional<Pass> admit(Time now, bool waited_for);

    /// Whether admit() would say yes.
    bool admits(Time now, bool waited_for) const;

    void succeeded(Pass pass);
    void failed(Pass pass, Time now);
    void withdrawn(Pass pass);  ///< it told nothing about the service

    bool is_open() const { return open_; }

private:
    void end(Pass pass);

    CircuitBreakerSettings settings_;
    std::size_t failures_ = 0;  // in a row
    bool open_ = false;
    Time again_at_{};              // while open: no trial before
    std::array<int, 2> trials_{};  // going on: told-only, waited-for
};

}  // namespace hookswitch
