#pragma once

// The two protocols that a service and systemd speak: sd_notify(3) and sd_listen_fds(3). A few
// lines over a socket and the environment, and so no library.

#include "daemon/core/result.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::systemd {

/// Sends "READY=1" and the like to $NOTIFY_SOCKET; does nothing without it, or if nobody listens.
void notify(std::string_view state);

/// "RELOADING=1" with the clock reading that systemd wants beside it.
void notify_reloading();

/// How often the watchdog wants to hear from us: half of $WATCHDOG_USEC; nullopt: not at all.
std::optional<std::chrono::microseconds> watchdog_interval();

/// The listening sockets that systemd passed to this process, made close-on-exec. Empty: none.
std::vector<int> listen_fds();

}  // namespace hookswitch::systemd
