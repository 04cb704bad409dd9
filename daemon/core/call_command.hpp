#pragma once

// A call-control command: what a handler, a person or a configuration wants of a running call.
//
// Source: Flireo protocol reference, section 4 (call control; the same names in every era).

#include "daemon/core/json.hpp"
#include "daemon/core/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

struct CallCommand {
    /// In the order in which they go first when not all can be sent.
    enum class Type { end_call, transfer, inject_context, say };

    Type type = Type::say;
    std::string body;  // the JSON object that is posted, complete (booleans that were left out are false)
};

/// "end-call", "transfer", "inject-context", "say".
std::string_view name_of(CallCommand::Type type);
std::optional<CallCommand::Type> command_named(std::string_view name);

/// One element of `actions`, or a body of POST /v1/calls/{id}/control. Errc::malformed_body, naming the
/// member, if a required one is missing or mistyped, if one is unknown, if `destination` is neither
/// E.164 nor a SIP URI, or if it is larger than the platform could want (16 KiB).
/// `content` and `destination` are required; `trigger_response` and `end_after` default to false.
Result<CallCommand> parse_call_command(const Json& action);

/// The same from text; it must be one JSON object.
Result<CallCommand> parse_call_command(std::string_view json);

/// `actions` of a handler's answer: what can be carried out, and what is wrong with the rest.
struct CallCommands {
    std::vector<CallCommand> commands;
    std::vector<std::string> mistakes;
};

/// At most 20 elements are taken: the platform takes ten a minute. Errors name the element.
CallCommands parse_call_commands(const Json& actions);

CallCommand say(std::string_view content, bool end_after = false);
CallCommand inject_context(std::string_view content, bool trigger_response);

/// "+31612345678".
bool is_e164(std::string_view text);

/// E.164 ("+31612345678") or a SIP URI ("sip:desk@example.com").
bool is_destination(std::string_view text);

}  // namespace hookswitch
