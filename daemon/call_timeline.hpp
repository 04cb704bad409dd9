#pragma once

// What happened on one call, told from its events in the journal.

#include "daemon/core/call_state.hpp"
#include "daemon/io/journal_reader.hpp"

#include <string>
#include <vector>

namespace hookswitch {

/// One call's events in the order in which they were accepted, and how each moved its state.
struct CallTimeline {
    struct Step {
        StoredEvent event;
        CallState before = CallState::unknown;
        CallProgress progress;  // after it
    };
    std::string call;
    std::optional<std::string> caller, called;
    CallState state = CallState::unknown;
    std::vector<Step> steps;
    std::vector<StoredCommand> commands;  // what was asked of the call, in order
};

/// `events` and `commands`: all of one call, oldest first.
CallTimeline call_timeline(std::string call, std::vector<StoredEvent> events,
                           std::vector<StoredCommand> commands);

/// For people: a line for each thing that happened.
std::string timeline_text(const CallTimeline& timeline);

/// {"call","caller","called","state","events":[{"effect":"moved|repeated|late|none","call_state",
/// "event":{...}}],"actions":[...]}, the events and actions as in event_json.hpp.
std::string timeline_json(const CallTimeline& timeline);

/// What was answered to a waited-for event: a line for each part, each after `indent`.
std::string answer_text(const StoredEvent& event, std::string_view indent);

/// How an attempt ended: "crm: attempt 1 failed after 12.0 ms: CRM is down; again at ...".
std::string attempt_text(const StoredAttempt& attempt);

}  // namespace hookswitch
