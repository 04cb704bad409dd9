#pragma once

// Which trace a request belongs to, for tools that follow one through several services.
//
// Source: W3C Trace Context, level 1 (www.w3.org/TR/trace-context-1), 3.2 and 3.3.

#include <string>
#include <string_view>

namespace hookswitch {

/// Empty: the request came without.
struct TraceContext {
    std::string parent, state;  // the fields traceparent and tracestate
};

/// Of a request's head, with lines that end in CR LF. A trace that may not be passed on is none.
TraceContext trace_in(std::string_view head);

/// Whether `value` is a `traceparent` that may be passed on.
bool is_traceparent(std::string_view value);

/// One for a request about an event that came without. The trace's id is the event's own, a ULID, in
/// hexadecimal, so that all attempts at it and all its tool calls are one trace that can be found from the
/// log; what follows the ULID in `event_id` is ignored. The flag "sampled" is set: many services record
/// nothing else.
std::string new_traceparent(std::string_view event_id);

/// The trace's id in it; empty if it is none.
std::string_view trace_id(std::string_view traceparent);

}  // namespace hookswitch
