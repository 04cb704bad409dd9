#pragma once

// The handler that steers the call, without code: an event becomes call-control commands. A tool that the
// model may call becomes a transfer, say, with what it said filled in.

#include "handlers/handler.hpp"
#include "handlers/reply.hpp"

#include <memory>
#include <string>
#include <vector>

namespace hookswitch {

struct ControlSettings {
    std::string name;                  // of the handler, for the log
    std::vector<std::string> actions;  // JSON objects as in `actions` of an answer, with templates in them
    std::string reply;                 // JSON text, with templates; empty: {"result":"Done."} to a tool call
};

/// Compiles the settings. On failure `mistakes` has every fault ("actions[1].destination") and the result
/// is null. What can be checked before the first call is: a template stands for anything that fits.
/// The handler answers inside handle(), on the calling thread, and is thread-safe. If what the event
/// brings does not make a command, nothing is done and the model is told why.
std::shared_ptr<Handler> make_control_handler(const ControlSettings& settings,
                                              std::vector<ReplyMistake>& mistakes);

}  // namespace hookswitch
