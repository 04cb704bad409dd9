#pragma once

// How the dialects spell the configuration of an assistant, in both directions.
//
// Source: Flireo protocol reference, 1.2 (field map camel <-> snake) and 9 (legacy).

#include "daemon/core/event.hpp"

#include <string>

namespace hookswitch {

/// Appends an assistant configuration as JSON with its known keys, in whichever dialect they came,
/// spelled for `target`. What belongs to the user (metadata, schemas, parameters, unknown keys)
/// keeps its spelling.
void append_assistant(std::string& out, simdjson::dom::element assistant, Dialect target);

/// The same for a whole assistant-request reply: {"assistant":{..}, "max_duration_seconds":..}.
void append_assistant_reply(std::string& out, simdjson::dom::element reply, Dialect target);

}  // namespace hookswitch
