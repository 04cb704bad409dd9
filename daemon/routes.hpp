#pragma once

// Which handler answers which event. Pure matching; order is the operator's.

#include "daemon/core/event.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// Any of several globs. Empty matches everything, also a value that the event does not have; an
/// absent value matches nothing else, not even "*": a route that asks for a caller gets one.
using Globs = std::vector<std::string>;

struct RouteSettings {
    Globs event, source, tool, called, caller, direction, status;
    std::string handler;                               // its name
    std::optional<std::chrono::milliseconds> timeout;  // as the operator set it; see timeout_for
    bool inject_late = false;  // a late answer to a tool call is given to the call as context
    std::string fallback;      // JSON in the form of Outcome::reply; empty: the built-in answer

    bool operator==(const RouteSettings&) const = default;
};

/// True if the route wants this event. `tool` is the tool's name for tool-calls, else empty, which
/// is absent.
bool matches(const RouteSettings& route, const Event& event, std::string_view source, std::string_view tool);

/// The longest timeout for an event of `kind`: 4.5 s for assistant-request and 9.5 s for tool-calls,
/// half a second before the platform gives up (protocol 2.4); 10 min for told-only events.
std::chrono::milliseconds max_timeout(EventKind kind);

/// The route's timeout for an event of `kind`, from the request's first byte; told-only: from the hand-over:
/// as set, but at most max_timeout; not set: max_timeout for waited-for events, 30 s for told-only ones.
std::chrono::milliseconds timeout_for(const RouteSettings& route, EventKind kind);

}  // namespace hookswitch
