#pragma once

// How far each of the recent calls has come, so that an event that comes late is noticed: the platform
// promises no order. Nothing is held back or dropped for it; it is said in the log and counted.
//
// Any thread, without a lock: a call has one place, by a hash of its id, and takes it over from
// whichever call had it before. So a call may be forgotten early, rarely while there are far fewer
// calls at a time than places.

#include "daemon/core/call_state.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace hookswitch {

class CallStates {
public:
    static constexpr std::size_t kPlaces = std::size_t{1} << 17;  // 1 MiB

    /// What an event makes of its call. A call of no id has no state.
    CallProgress advance(std::string_view call, std::string_view type, std::string_view status);

private:
    // A hash but for its last bits, which are the state.
    std::unique_ptr<std::atomic<std::uint64_t>[]> places_ =
        std::make_unique<std::atomic<std::uint64_t>[]>(kPlaces);
};

}  // namespace hookswitch
