#pragma once

// What keeps a line that says the same again and again from filling the disk. Inside of log.cpp.
//
// Of the lines with the same name and the same reason (handler, source, why; numbers in them do not count) so
// many pass in a minute. The rest is counted, and when the minute is over one line more says how many there
// were. Whoever counts by itself (the line has `suppressed`) is left alone.

#include "daemon/io/log.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hookswitch::log {

class Repeats {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::size_t kPassed = 30;
    static constexpr std::chrono::seconds kWindow{60};

    struct Summary {
        Level level = Level::warn;
        std::string name;
        std::vector<Field> fields;  // the reason, and `suppressed`
    };

    /// False: this line is not to be written.
    bool pass(Level level, std::string_view name, std::span<const Field> fields, Time now);

    /// Whether take_due() would find anything to do; costs next to nothing.
    bool is_due(Time now) const noexcept {
        return now.time_since_epoch().count() >= due_.load(std::memory_order_relaxed);
    }

    /// What has to be said of the minutes that are over.
    std::vector<Summary> take_due(Time now);

private:
    struct Kind {
        Time since;
        std::size_t passed = 0, held_back = 0;
        Summary last;
    };

    std::mutex mutex_;
    std::unordered_map<std::uint64_t, Kind> kinds_;
    std::atomic<Time::rep> due_{Time::max().time_since_epoch().count()};
};

}  // namespace hookswitch::log
