#include "daemon/core/call_state.hpp"

#include "daemon/core/event.hpp"

#include <array>
#include <utility>

namespace hookswitch {
namespace {

constexpr std::array<std::pair<std::string_view, CallState>, 11> kStatuses{{
    {"dialing", CallState::ringing},
    {"connecting", CallState::ringing},
    {"ringing", CallState::ringing},
    {"in-progress", CallState::in_progress},
    {"ended", CallState::ended},
    {"ended-with-error", CallState::ended},
    {"ended-with-debugging", CallState::ended},
    {"failed", CallState::ended},
    {"transferred", CallState::ended},
    {"rejected", CallState::ended},
    {"insufficient-credits", CallState::ended},
}};

// The state that an event alone is proof of.
std::optional<CallState> told_by(EventKind kind, std::string_view status) {
    switch (kind) {
        case EventKind::assistant_request: return CallState::ringing;
        case EventKind::tool_calls: return CallState::in_progress;
        case EventKind::status_update: return call_state_of(status);
        case EventKind::end_of_call_report: return CallState::reported;
        case EventKind::other: break;
    }
    return std::nullopt;
}

}  // namespace

std::string_view name_of(CallState state) {
    switch (state) {
        case CallState::unknown: return "unknown";
        case CallState::ringing: return "ringing";
        case CallState::in_progress: return "in-progress";
        case CallState::ended: return "ended";
        case CallState::reported: return "reported";
    }
    return "unknown";
}

std::optional<CallState> call_state_of(std::string_view status) {
    for (const auto& [name, state] : kStatuses)
        if (name == status) return state;
    return std::nullopt;
}

bool brings_report(std::string_view status) {
    return status != "failed" && status != "rejected" && status != "insufficient-credits";
}

CallProgress advance(CallState state, std::string_view type, std::string_view status) {
    using enum CallProgress::Effect;
    const EventKind kind = kind_of(type);
    const auto told = told_by(kind, status);
    if (!told) return {state, none};
    if (*told > state) return {*told, moved};
    if (*told < state) return {state, late};
    // A call has many tool calls, and rings in several ways before somebody answers.
    const bool many = wants_reply(kind) || state == CallState::ringing;
    return {state, many ? none : repeated};
}

}  // namespace hookswitch
