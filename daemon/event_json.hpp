#pragma once

// An event of the journal as JSON, the same wherever one is shown: `hookswitch events`, /v1/events.

#include "daemon/io/journal_reader.hpp"

#include <string>

namespace hookswitch {

/// {"id","seq","received_at","type","dialect","source","call","status","caller","called","size",
/// "state","deliveries":[{"handler","state","attempts","next_at"}]}; null where unknown.
void append_event_json(std::string& out, const EventRow& event);

/// The same, and "head", "body" (or "body_base64" where it is not UTF-8; null: erased), "answer" and
/// "attempts".
void append_event_json(std::string& out, const StoredEvent& event);

/// {"call","event","by","at","type","command":{...},"ended_at","state","status","why"}; null where unknown.
void append_command_json(std::string& out, const StoredCommand& command);

}  // namespace hookswitch
