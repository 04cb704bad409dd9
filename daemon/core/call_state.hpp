#pragma once

// How far a call has come. The platform promises no order: a report may come before `ended`, a status
// twice, an `in-progress` after the end. So the state of a call only ever moves forward.
//
// Source: Flireo protocol reference, 3.2 and 5.6 (statuses, an open set), 5.5 (lifecycle).

#include <optional>
#include <string_view>

namespace hookswitch {

enum class CallState { unknown, ringing, in_progress, ended, reported };

/// "unknown", "ringing", "in-progress", "ended", "reported".
std::string_view name_of(CallState state);

/// The state that a call's status stands for; nullopt: not a status that we know.
std::optional<CallState> call_state_of(std::string_view status);

/// Whether a call that ended so has an end-of-call-report. Whether those do that nobody ever spoke in is not
/// documented, so nobody waits for theirs.
bool brings_report(std::string_view status);

struct CallProgress {
    enum class Effect {
        none,      // it says nothing about the state, or nothing that was not clear
        moved,     // forward
        repeated,  // a status that the call has already
        late,      // out of order: the call is further than that
    };
    CallState state = CallState::unknown;
    Effect effect = Effect::none;
};

/// What an event of this type and status makes of a call in `state`. A status that is not known moves
/// nothing. `status` is empty where the event has none.
CallProgress advance(CallState state, std::string_view type, std::string_view status);

}  // namespace hookswitch
