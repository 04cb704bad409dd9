#include "daemon/routes.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

Event tool_event() {
    Event event;
    event.kind = EventKind::tool_calls;
    event.type = "tool-calls";
    event.direction = "inbound";
    event.status = "in-progress";
    event.caller = "+31612345678";
    event.called = "+31850835037";
    return event;
}

TEST(Matches, ARouteWithoutConditionsTakesEverything) {
    EXPECT_TRUE(matches(RouteSettings{}, tool_event(), "main", "lookup"));
    EXPECT_TRUE(matches(RouteSettings{}, Event{}, "", ""));
}

TEST(Matches, EveryConditionMustHoldAndAnyOfItsGlobs) {
    struct {
        const char* name;
        Globs RouteSettings::*field;
        Globs globs;
        bool expected;
    } const cases[] = {
        {"event", &RouteSettings::event, {"tool-calls"}, true},
        {"other event", &RouteSettings::event, {"status-update"}, false},
        {"event glob", &RouteSettings::event, {"status-*", "tool-*"}, true},
        {"source", &RouteSettings::source, {"main"}, true},
        {"other source", &RouteSettings::source, {"other"}, false},
        {"tool", &RouteSettings::tool, {"book_*", "lookup_?ontact"}, true},
        {"other tool", &RouteSettings::tool, {"book_*"}, false},
        {"called", &RouteSettings::called, {"+3185*"}, true},
        {"other called", &RouteSettings::called, {"+3120*"}, false},
        {"caller", &RouteSettings::caller, {"*78"}, true},
        {"other caller", &RouteSettings::caller, {"*79"}, false},
        {"direction", &RouteSettings::direction, {"inbound", "web"}, true},
        {"other direction", &RouteSettings::direction, {"outbound"}, false},
        {"status", &RouteSettings::status, {"in-progress"}, true},
        {"other status", &RouteSettings::status, {"ended*"}, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        RouteSettings route;
        route.*c.field = c.globs;
        EXPECT_EQ(matches(route, tool_event(), "main", "lookup_contact"), c.expected);
        route.event = {"never"};
        EXPECT_FALSE(matches(route, tool_event(), "main", "lookup_contact"));
    }
}

TEST(Matches, AnAbsentValueMatchesOnlyARouteThatDoesNotAsk) {
    Event event = tool_event();
    event.caller.reset();
    RouteSettings route;
    EXPECT_TRUE(matches(route, event, "main", "x"));
    route.caller = {"*"};
    EXPECT_FALSE(matches(route, event, "main", "x"));
    route.caller.clear();
    route.tool = {"*"};
    EXPECT_TRUE(matches(route, event, "main", "x"));
    EXPECT_FALSE(matches(route, event, "main", "")) << "not a tool call";
}

TEST(TimeoutFor, IsClampedToWhatThePlatformWaits) {
    struct {
        EventKind kind;
        std::chrono::milliseconds unset, of_8s, of_1h;
    } const cases[] = {
        {EventKind::assistant_request, 4500ms, 4500ms, 4500ms},
        {EventKind::tool_calls, 9500ms, 8s, 9500ms},
        {EventKind::status_update, 30s, 8s, 10min},
        {EventKind::end_of_call_report, 30s, 8s, 10min},
        {EventKind::other, 30s, 8s, 10min},
    };
    for (const auto& c : cases) {
        RouteSettings route;
        EXPECT_EQ(timeout_for(route, c.kind), c.unset);
        route.timeout = 8s;
        EXPECT_EQ(timeout_for(route, c.kind), c.of_8s);
        route.timeout = 1h;
        EXPECT_EQ(timeout_for(route, c.kind), c.of_1h);
    }
}

}  // namespace
}  // namespace hookswitch
