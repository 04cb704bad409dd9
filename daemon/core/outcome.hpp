#pragma once

// What a handler decided, and how it is said to the platform. The only writer of the platform's
// field names: a handler answers in one form, the reply goes out in the dialect of the request.
//
// Source: Flireo protocol reference, 1.2 (field map), 3.1 (assistant-request replies), 3.3
// (tool-calls replies), 9 (legacy replies).

#include "daemon/core/call_command.hpp"
#include "daemon/core/event.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// A handler's answer. `reply` is a JSON object in the form of the outer contract, section 4:
/// {"result": any} or {"error": "text"} for a tool call, the snake_case form of protocol section
/// 3.1 for an assistant-request. Empty: nothing to say (the built-in answer is given).
struct Outcome {
    std::string reply;
    std::vector<CallCommand> actions = {};  // for the event's call, in order
    /// Of a handler that forwards requests: the body for the platform as a receiver wrote it, which is
    /// passed on unchanged. Then `reply` is empty.
    std::string raw = {};
};

/// The body for an assistant-request: known keys are respelled for `dialect`, everything the user
/// owns (metadata, schemas, tool definitions) is left alone. Errc::handler_failed if `reply` is not
/// a JSON object.
Result<std::string> assistant_reply(Dialect dialect, std::string_view reply);

/// The JSON value for `result` of one tool call; an error becomes {"error":"text"}. In the legacy
/// dialect it is always a string. Errc::handler_failed if `reply` is neither form.
Result<std::string> tool_result(Dialect dialect, std::string_view reply);

/// The body for a tool-calls event: {"results":[...]} in the order of `calls`. `results[i]` is the
/// JSON value from tool_result for `calls[i]`.
std::string tool_results(Dialect dialect, std::span<const ToolCall> calls,
                         std::span<const std::string> results);

/// What a receiver's own body {"results":[...]} says to each of `calls`, as JSON values, whichever dialect
/// it is written in. Errc::handler_failed if it is no such body, or says nothing to one of them.
Result<std::vector<std::string>> results_in(std::string_view body, std::span<const ToolCall* const> calls);

}  // namespace hookswitch
