#include "daemon/routes.hpp"

#include "daemon/core/glob.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

bool any(const Globs& globs, std::optional<std::string_view> value) {
    if (globs.empty()) return true;
    return value && std::any_of(globs.begin(), globs.end(),
                                [&](const std::string& glob) { return glob_match(glob, *value); });
}

std::optional<std::string_view> unless_empty(std::string_view text) {
    if (text.empty()) return std::nullopt;
    return text;
}

}  // namespace

bool matches(const RouteSettings& route, const Event& event, std::string_view source, std::string_view tool) {
    return any(route.event, event.type) && any(route.tool, unless_empty(tool)) && any(route.source, source) &&
           any(route.called, event.called) && any(route.caller, event.caller) &&
           any(route.direction, event.direction) && any(route.status, event.status);
}

std::chrono::milliseconds max_timeout(EventKind kind) {
    switch (kind) {
        case EventKind::assistant_request: return 4500ms;
        case EventKind::tool_calls: return 9500ms;
        case EventKind::status_update:
        case EventKind::end_of_call_report:
        case EventKind::other: break;
    }
    return 10min;
}

std::chrono::milliseconds timeout_for(const RouteSettings& route, EventKind kind) {
    const auto unset = wants_reply(kind) ? max_timeout(kind) : 30s;
    return std::min(route.timeout.value_or(unset), max_timeout(kind));
}

}  // namespace hookswitch
