#pragma once

// A handler with a life of its own: it is started, may take a while to be ready, has work in progress,
// and is stopped. Worker pools, processes for single events, connections to a service, threads in a
// plugin: the runtime treats them alike.

#include "handlers/handler.hpp"

#include <chrono>
#include <functional>

namespace hookswitch {

/// Lives on `home`, one thread's executor; handle() may be called on any thread. All other members are
/// called on `home`, the destructor too: it ends what still runs.
class RunningHandler : public Handler {
public:
    /// `done` is called once, on `home`, never from within: true when it can work, false when it cannot as
    /// it is configured. For a reload, which keeps the old one if the new one cannot work. A start does not
    /// wait for it.
    virtual void when_ready(std::function<void(bool)> done) = 0;

    /// Takes nothing new, lets work in progress finish until `until`, then ends it. `done` is called, on
    /// `home`, when nothing of it is left. A second call can set another `until`; each `done` is called
    /// once.
    virtual void stop(std::chrono::steady_clock::time_point until, std::function<void()> done) = 0;
};

}  // namespace hookswitch
