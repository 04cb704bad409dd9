#pragma once

// The time of day, as it is stored, logged and shown.

#include "daemon/core/iso_time.hpp"

namespace hookswitch {

inline Milliseconds wall_now() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace hookswitch
