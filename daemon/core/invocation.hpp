#pragma once

// One event on its way to one handler, and its JSON form: the line a worker reads. A tool-calls
// event becomes one invocation per tool call; every other event becomes one.

#include "daemon/core/event.hpp"
#include "daemon/core/trace_context.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace hookswitch {

/// A request as it was received; for handlers that pass it on unchanged.
struct RawRequest {
    std::string head;  // request line and header fields, with the empty line
    std::string body;
};

struct Invocation {
    std::string id;                           // ULID: unique, sorts by time, the same for every attempt
    std::shared_ptr<const Event> event;       // never null
    const ToolCall* tool_call = nullptr;      // one of event->tool_calls; null for other kinds
    std::string_view source;                  // name of the source; lives as long as the configuration
    std::shared_ptr<const void> keeps_alive;  // owner of `source`
    std::chrono::system_clock::time_point received_at;
    std::chrono::steady_clock::time_point deadline;  // when the dispatcher gives up on the answer
    int attempt = 1;                                 // of handing it to this handler
    std::shared_ptr<const RawRequest> raw = {};      // for a handler that wants it; else null
    TraceContext trace = {};                         // of the request
};

/// The normalised event of the outer contract, section 4: one line of JSON without a newline, every
/// key always there. `attempt` counts from 1; `deadline_ms` is what is left until the deadline.
std::string to_json(const Invocation& invocation, int attempt, std::chrono::milliseconds deadline_ms);

/// A new ULID (github.com/ulid/spec) for `now`; increasing within a thread even for equal times.
std::string new_event_id(std::chrono::system_clock::time_point now);

}  // namespace hookswitch
