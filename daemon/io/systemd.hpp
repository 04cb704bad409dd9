#pragma once

// The two protocols that a service and systemd speak: sd_notify(3), with its descriptor store, and
// sd_listen_fds(3). A few
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

/// A descriptor that systemd passed to this process, and what it calls it: the socket unit's name, or the
/// name under which an earlier process of the service stored it.
struct PassedFd {
    int fd = -1;
    std::string name;
};

/// All of them, made close-on-exec. Empty: none.
std::vector<PassedFd> listen_fds();

/// Gives systemd a copy of a descriptor to pass on to the service's next process; the unit has to have
/// FileDescriptorStoreMax=. `name` has no colon. Does nothing without $NOTIFY_SOCKET.
void store_fd(int fd, std::string_view name);

/// Forgets what was stored under that name.
void drop_stored_fd(std::string_view name);

}  // namespace hookswitch::systemd
