#include "daemon/call_registry.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using enum CallState;
using enum CallProgress::Effect;

constexpr Milliseconds kStart(1'700'000'000s);

struct Told {
    std::string_view call, type, status;
    std::chrono::milliseconds at{0};
};

CallEvent event_of(const Told& told) {
    CallEvent event;
    event.call = told.call;
    event.type = told.type;
    event.status = told.status;
    event.tool_calls = told.type == "tool-calls" ? 1 : 0;
    event.at = kStart + told.at;
    return event;
}

struct CallRegistryTest : testing::Test {
    CallProgress tell(const Told& told) { return calls.follow(event_of(told)); }
    void restore(const Told& told) { calls.restore(event_of(told)); }
    std::int64_t count(CallState state) const {
        return metrics.by_state[static_cast<std::size_t>(state)].value();
    }
    std::vector<std::string> ids(const CallFilter& filter = {}) const {
        std::vector<std::string> found;
        for (const CallSnapshot& call : calls.list(filter)) found.push_back(call.id);
        return found;
    }

    CallMetrics metrics;
    CallRegistry calls{metrics, {.most = 3, .keep_ended = 10min, .longest_silence = 4h, .stripes = 1}};
};

TEST_F(CallRegistryTest, OnlyMovesACallForward) {
    EXPECT_EQ(tell({"c", "assistant-request", "ringing", 1s}).effect, moved);
    EXPECT_EQ(tell({"c", "status-update", "in-progress", 2s}).effect, moved);
    EXPECT_EQ(tell({"c", "tool-calls", "in-progress", 3s}).effect, none);
    EXPECT_EQ(tell({"c", "status-update", "ended-with-error", 4s}).effect, moved);
    const auto late_one = tell({"c", "status-update", "in-progress", 5s});
    EXPECT_EQ(late_one.effect, late);
    EXPECT_EQ(late_one.state, ended);
    EXPECT_EQ(tell({"c", "end-of-call-report", "ended", 6s}).effect, moved);

    const auto call = calls.find("c");
    ASSERT_TRUE(call);
    EXPECT_EQ(call->state, reported);
    EXPECT_EQ(call->status, "ended-with-error") << "the report only says that it has ended";
    EXPECT_EQ(call->started_at, kStart + 1s);
    EXPECT_EQ(call->ended_at, kStart + 4s);
    EXPECT_EQ(call->updated_at, kStart + 6s);
    EXPECT_EQ(call->last_type, "end-of-call-report");
    EXPECT_EQ(call->tool_calls, 1U);
}

TEST_F(CallRegistryTest, CountsCallsWhoseReportNeverCame) {
    tell({"missing", "status-update", "ended"});
    tell({"rejected", "status-update", "rejected"});
    tell({"reported", "status-update", "ended"});
    tell({"reported", "end-of-call-report", "ended", 9min});
    calls.expire(kStart + 10min - 1ms);
    EXPECT_EQ(metrics.without_report.value(), 0U);
    calls.expire(kStart + 10min);
    EXPECT_EQ(metrics.without_report.value(), 1U);
    calls.expire(kStart + 1h);
    EXPECT_EQ(metrics.without_report.value(), 1U);
}

TEST_F(CallRegistryTest, DoesNotCountAnewWhatTheRunBeforeHasCounted) {
    CallRegistry restarted(metrics, {.keep_ended = 10min, .stripes = 1, .since = kStart + 15min});
    restarted.restore(event_of({"earlier", "status-update", "ended", 5min}));
    restarted.restore(event_of({"later", "status-update", "ended", 6min}));
    restarted.expire(kStart + 16min);
    EXPECT_EQ(metrics.without_report.value(), 1U);
}

TEST_F(CallRegistryTest, HasNothingToSayOfWhatIsNoCall) {
    EXPECT_EQ(tell({"", "status-update", "ended"}).effect, none);
    EXPECT_EQ(tell({std::string(513, 'x'), "status-update", "ended"}).effect, none);
    EXPECT_EQ(calls.size(), 0U);
    EXPECT_FALSE(calls.find("c"));
    EXPECT_FALSE(calls.find(""));
}

TEST_F(CallRegistryTest, LearnsWhatItDidNotKnowAndKeepsWhatItKnows) {
    tell({"c", "status-update", "in-progress"});
    CallEvent event = event_of({"c", "tool-calls", "in-progress", 1s});
    event.direction = "inbound";
    event.caller = "+31612345678";
    event.called = "+31850835037";
    event.pipeline = "standard";
    calls.follow(event);
    event.caller = event.called = "anonymous";
    event.direction = "web";
    event.called_name = "Demo";
    calls.follow(event);

    const auto call = calls.find("c");
    ASSERT_TRUE(call);
    EXPECT_EQ(call->direction, "inbound");
    EXPECT_EQ(call->caller, "+31612345678");
    EXPECT_EQ(call->called, "+31850835037");
    EXPECT_EQ(call->called_name, "Demo");
    EXPECT_EQ(call->pipeline, "standard");
    EXPECT_EQ(call->tool_calls, 2U);
    EXPECT_EQ(calls.size(), 1U);
    EXPECT_EQ(ids(), std::vector<std::string>{"c"});
}

TEST_F(CallRegistryTest, CutsOffLongTextsBetweenCharacters) {
    std::string name(254, 'x');
    name += "é";
    CallEvent event = event_of({"c", "status-update", "in-progress"});
    event.called_name = name;
    event.direction = std::string_view(name).substr(0, 65);
    calls.follow(event);
    EXPECT_EQ(calls.find("c")->called_name, name.substr(0, 254));
    EXPECT_EQ(calls.find("c")->direction, "");
}

TEST_F(CallRegistryTest, KnowsARealtimeModelByTheProviderOrElseThePipeline) {
    const struct {
        const char *pipeline, *assistant;
        std::optional<bool> realtime;
    } cases[] = {
        {"", "{}", std::nullopt},
        {"standard", "{}", false},
        {"realtime", "{}", true},
        {"", R"({"llm_config":{"provider":"openai"}})", false},
        {"", R"({"llm_config":{"provider":"openai_live"}})", true},
        {"", R"({"llm_config":{"provider":"google_realtime"}})", true},
        {"standard", R"({"llm_config":{"provider":"xai_realtime"}})", true},
        {"", R"({"llm_config":"xai_realtime"})", std::nullopt},
        {"", R"("xai_realtime")", std::nullopt},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.pipeline) + " " + c.assistant);
        const auto assistant = Document::parse(c.assistant).value();
        CallMetrics others;
        CallRegistry registry(others);
        CallEvent event = event_of({"c", "assistant-request", "ringing"});
        event.pipeline = c.pipeline;
        registry.follow(event);
        event.assistant = assistant.root();
        registry.follow(event);
        EXPECT_EQ(registry.find("c")->realtime, c.realtime);
        EXPECT_EQ(registry.realtime("c"), c.realtime);
    }
}

TEST_F(CallRegistryTest, ForgetsACallSomeTimeAfterItsEnd) {
    tell({"a", "status-update", "ended", 0s});
    tell({"b", "status-update", "in-progress", 1s});
    tell({"a", "end-of-call-report", "ended", 5min});
    calls.expire(kStart + 10min - 1ms);
    EXPECT_TRUE(calls.find("a"));
    tell({"b", "tool-calls", "in-progress", 10min});
    EXPECT_FALSE(calls.find("a")) << "whoever comes by forgets it";
    EXPECT_TRUE(calls.find("b"));
    EXPECT_EQ(metrics.forgotten_full.value() + metrics.forgotten_silent.value(), 0U);
}

TEST_F(CallRegistryTest, ForgetsACallThatNothingIsHeardOf) {
    tell({"a", "status-update", "in-progress", 0s});
    tell({"b", "status-update", "in-progress", 1s});
    tell({"a", "tool-calls", "in-progress", 3h});
    calls.expire(kStart + 4h + 1s);
    EXPECT_EQ(ids(), std::vector<std::string>{"a"});
    EXPECT_EQ(metrics.forgotten_silent.value(), 1U);
    EXPECT_EQ(count(in_progress), 1);
}

TEST_F(CallRegistryTest, MakesRoomByForgettingWhatHasEndedFirst) {
    tell({"a", "status-update", "in-progress", 0s});
    tell({"b", "status-update", "in-progress", 1s});
    tell({"c", "status-update", "ended", 2s});
    tell({"d", "status-update", "in-progress", 3s});
    EXPECT_FALSE(calls.find("c"));
    EXPECT_EQ(metrics.forgotten_full.value(), 0U) << "it had ended";

    tell({"a", "tool-calls", "in-progress", 4s});
    tell({"e", "status-update", "in-progress", 5s});
    EXPECT_FALSE(calls.find("b")) << "the one that was heard of least recently";
    EXPECT_EQ(metrics.forgotten_full.value(), 1U);
    EXPECT_EQ(ids(), (std::vector<std::string>{"e", "d", "a"}));
    EXPECT_EQ(calls.size(), 3U);
}

TEST_F(CallRegistryTest, CountsCallsByTheirState) {
    tell({"a", "assistant-request", "ringing"});
    tell({"b", "status-update", "in-progress"});
    tell({"c", "call-quality", ""});
    EXPECT_EQ(count(unknown), 1);
    EXPECT_EQ(count(ringing), 1);
    EXPECT_EQ(count(in_progress), 1);
    tell({"a", "end-of-call-report", "ended"});
    tell({"b", "status-update", "transferred"});
    EXPECT_EQ(count(ringing) + count(in_progress), 0);
    EXPECT_EQ(count(ended), 1);
    EXPECT_EQ(count(reported), 1);
    calls.expire(kStart + 24h);
    for (const CallState state : {unknown, ringing, in_progress, ended, reported}) EXPECT_EQ(count(state), 0);
}

TEST_F(CallRegistryTest, ListsTheNewestThatAreAskedFor) {
    CallMetrics others;
    CallRegistry many(others);
    for (int i = 0; i < 500; ++i) {
        CallEvent event = event_of({"", "status-update", i % 5 == 0 ? "ended" : "in-progress", 1s * i});
        const std::string id = std::to_string(i), caller = "+3160000000" + std::to_string(i % 2);
        event.call = id;
        event.caller = caller;
        event.called = "+31850835037";
        event.direction = i % 3 == 0 ? "outbound" : "inbound";
        many.follow(event);
    }
    const auto listed = [&many](const CallFilter& filter) {
        std::vector<std::string> found;
        for (const CallSnapshot& call : many.list(filter)) found.push_back(call.id);
        return found;
    };
    EXPECT_EQ(listed({.limit = 3}), (std::vector<std::string>{"499", "498", "497"}));
    EXPECT_EQ(listed({.limit = 1000}).size(), 400U);
    EXPECT_EQ(listed({.live_only = false, .limit = 1000}).size(), 500U);
    EXPECT_EQ(listed({.status = "ended", .live_only = false, .limit = 2}),
              (std::vector<std::string>{"495", "490"}));
    EXPECT_EQ(listed({.direction = "outbound", .caller = "+31600000001", .limit = 2}),
              (std::vector<std::string>{"489", "483"}));
    EXPECT_TRUE(listed({.called = "+31850835038"}).empty());
}

// The journal is read from the newest event on.
TEST_F(CallRegistryTest, RestoresTheSameFromTheNewestToTheOldest) {
    const std::vector<Told> stories[] = {
        {{"c", "assistant-request", "ringing", 1s},
         {"c", "status-update", "in-progress", 2s},
         {"c", "tool-calls", "in-progress", 3s}},
        {{"c", "status-update", "in-progress", 1s},
         {"c", "status-update", "ended-with-error", 2s},
         {"c", "end-of-call-report", "ended", 3s}},
        {{"c", "status-update", "in-progress", 1s},
         {"c", "end-of-call-report", "ended", 2s},
         {"c", "status-update", "transferred", 3s}},
        {{"c", "status-update", "ended", 1s}, {"c", "status-update", "in-progress", 2s}},
        {{"c", "status-update", "transferred", 1s}, {"c", "status-update", "in-progress", 2s}},
        {{"c", "status-update", "in-progress", 1s}, {"c", "call-quality", "on-hold", 2s}},
    };
    for (const auto& story : stories) {
        SCOPED_TRACE(story.back().status);
        CallMetrics others, restored_metrics;
        CallRegistry followed(others), restored(restored_metrics);
        for (const Told& told : story) followed.follow(event_of(told));
        for (auto told = story.rbegin(); told != story.rend(); ++told) restored.restore(event_of(*told));
        const auto a = followed.find("c"), b = restored.find("c");
        ASSERT_TRUE(a && b);
        EXPECT_EQ(a->state, b->state);
        EXPECT_EQ(a->status, b->status);
        EXPECT_EQ(a->started_at, b->started_at);
        EXPECT_EQ(a->updated_at, b->updated_at);
        EXPECT_EQ(a->ended_at, b->ended_at);
        EXPECT_EQ(a->last_type, b->last_type);
        EXPECT_EQ(a->tool_calls, b->tool_calls);
    }
}

TEST_F(CallRegistryTest, RestoresNothingInPlaceOfWhatIsNewer) {
    tell({"new", "status-update", "in-progress", 10s});
    restore({"b", "status-update", "in-progress", 9s});
    restore({"a", "status-update", "in-progress", 8s});
    restore({"old", "status-update", "in-progress", 7s});
    EXPECT_EQ(ids(), (std::vector<std::string>{"new", "b", "a"}));
    tell({"newer", "status-update", "in-progress", 11s});
    EXPECT_EQ(ids(), (std::vector<std::string>{"newer", "new", "b"})) << "the one that is quiet for longest";
}

TEST_F(CallRegistryTest, WantsTheWholeEventOnlyWhereItTellsMore) {
    EXPECT_TRUE(calls.wants_whole("c"));
    EXPECT_FALSE(calls.wants_whole(""));
    restore({"c", "status-update", "in-progress"});
    EXPECT_TRUE(calls.wants_whole("c"));
    CallEvent event = event_of({"c", "status-update", "ended"});
    event.direction = "inbound";
    calls.follow(event);
    EXPECT_FALSE(calls.wants_whole("c"));
}

TEST(CallRegistry, IsAskedAndToldByManyThreads) {
    CallMetrics metrics;
    CallRegistry calls(metrics, {.most = 300, .stripes = 8});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&calls, t] {
            for (int i = 0; i < 4000; ++i) {
                const std::string id = "call-" + std::to_string(i % 400),
                                  number = "+3161234" + std::to_string(i);
                const std::string kind = "kind-" + std::to_string(i % 300);
                CallEvent event =
                    event_of({id, i % 7 ? "status-update" : std::string_view(kind), "in-progress", 1ms * i});
                if (i % 11 == 0) event.status = "ended";
                if (t % 2) event.caller = number;
                calls.follow(event);
                if (i % 100 == 0) calls.list({.limit = 10});
                if (i % 50 == 0) calls.find(id);
                if (i % 500 == 0) calls.expire(kStart + 1ms * i);
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_LE(calls.size(), 308U) << "each stripe has one, whatever the others have";
    const auto all = calls.list({.live_only = false, .limit = 1000});
    EXPECT_EQ(all.size(), calls.size());
    std::int64_t counted = 0;
    for (const Gauge& gauge : metrics.by_state) counted += gauge.value();
    EXPECT_EQ(static_cast<std::size_t>(counted), calls.size());
    std::set<std::string> ids;
    for (const CallSnapshot& call : all) ids.insert(call.id);
    EXPECT_EQ(ids.size(), all.size());
}

}  // namespace
}  // namespace hookswitch
