#pragma once

// How long to wait before trying again, and how often to say the same thing. Both take the time as
// an argument: this ring reads no clock.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

namespace hookswitch {

/// Doubles from `first` to `most` until reset.
class Backoff {
public:
    Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most)
        : first_(first), most_(most), wait_(first) {}

    /// `random` in [0, 1) spreads the wait over its upper half, so that what failed together does
    /// not come back together.
    std::chrono::milliseconds next(double random) {
        const auto wait = std::exchange(wait_, std::min(most_, wait_ * 2));
        const auto spread = std::chrono::duration<double, std::milli>(wait) * (0.5 + random / 2);
        return std::chrono::duration_cast<std::chrono::milliseconds>(spread);
    }

    void reset() { wait_ = first_; }

private:
    std::chrono::milliseconds first_, most_, wait_;
};

/// Lets `burst` through in every `window`, and counts the rest.
class Throttle {
public:
    using Time = std::chrono::steady_clock::time_point;

    Throttle(std::size_t burst, std::chrono::milliseconds window) : burst_(burst), window_(window) {}

    /// nullopt: hold this one back. Otherwise how many were held back since the last one passed.
    std::optional<std::size_t> pass(Time now) {
        if (passed_ == 0 || now - opened_ >= window_) {
            opened_ = now;
            passed_ = 0;
        }
        if (passed_ == burst_) {
            ++held_back_;
            return std::nullopt;
        }
        ++passed_;
        return take_held_back();
    }

    std::size_t take_held_back() { return std::exchange(held_back_, 0); }

private:
    std::size_t burst_;
    std::chrono::milliseconds window_;
    Time opened_;
    std::size_t passed_ = 0, held_back_ = 0;
};

}  // namespace hookswitch
