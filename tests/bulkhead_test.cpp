#include "handlers/bulkhead.hpp"

#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class BulkheadTest : public testing::Test {
protected:
    void make(BulkheadSettings settings) {
        bulkhead = Bulkhead::make(settings, ctx.get_executor(), metrics,
                                  [this](const Invocation& invocation, std::chrono::milliseconds left) {
                                      EXPECT_GT(left, 0ms);
                                      begun.push_back(invocation.id);
                                      if (at_once) bulkhead->finished(invocation.id, Outcome{"{}"});
                                  });
    }

    void accept(const std::string& id, EventKind kind = EventKind::tool_calls,
                steady_clock::duration deadline = 1h) {
        auto event = std::make_shared<Event>();
        event->kind = kind;
        Invocation invocation;
        invocation.id = id;
        invocation.event = event;
        invocation.deadline = steady_clock::now() + deadline;
        bulkhead->accept(std::move(invocation), Answer([this, id](Result<Outcome> outcome) {
                             EXPECT_FALSE(answers.contains(id)) << id << " was answered twice";
                             answers[id] = outcome ? "answered" : outcome.error().what();
                         }));
    }

    void finish(const std::string& id) { bulkhead->finished(id, Outcome{"{}"}); }

    boost::asio::io_context ctx;
    HandlerMetrics metrics;
    std::vector<std::string> begun;
    std::map<std::string, std::string> answers;
    bool at_once = false;
    std::shared_ptr<Bulkhead> bulkhead;  // answers what is open when it goes
};

using Ids = std::vector<std::string>;
constexpr auto kStatus = EventKind::status_update;

TEST_F(BulkheadTest, WorksAtAsManyAsItMayAndTakesTheNextWhenOneIsDone) {
    make({.concurrency = 2, .queue = 1});
    for (const char* id : {"a", "b", "c", "d"}) accept(id);
    EXPECT_EQ(begun, (Ids{"a", "b"}));
    EXPECT_EQ(answers, (std::map<std::string, std::string>{{"d", "the handler's queue is full"}}));
    EXPECT_EQ(metrics.slots_busy.value(), 2);
    EXPECT_EQ(metrics.queued.value(), 1);
    EXPECT_EQ(metrics.refused.value(), 1u);
    finish("b");
    EXPECT_EQ(begun, (Ids{"a", "b", "c"}));
    EXPECT_EQ(answers["b"], "answered");
    accept("a");
    EXPECT_EQ(answers["a"], "the handler is still at an earlier attempt");
    answers.erase("a");  // the first attempt is answered too, in the end
}

TEST_F(BulkheadTest, KeepsASlotFromToldOnlyEventsAndTakesWaitedForOnesFirst) {
    make({.concurrency = 2, .queue = 10});
    accept("told1", kStatus);
    accept("told2", kStatus);
    accept("asked1");
    accept("asked2");
    EXPECT_EQ(begun, (Ids{"told1", "asked1"}));
    EXPECT_EQ(bulkhead->told_only_slots(), 1u);
    finish("told1");
    EXPECT_EQ(begun, (Ids{"told1", "asked1", "asked2"}));
    finish("asked1");
    EXPECT_EQ(begun.back(), "told2");
}

TEST_F(BulkheadTest, HoldsTheSlotOfWorkThatCannotBeCutOff) {
    make({.concurrency = 1, .queue = 10});
    accept("stuck");
    accept("next");
    bulkhead->answer_early("stuck", fail(Errc::deadline_exceeded, "too late"));
    EXPECT_EQ(answers["stuck"], "too late");
    EXPECT_EQ(begun, (Ids{"stuck"}));
    finish("stuck");
    EXPECT_EQ(begun, (Ids{"stuck", "next"}));
}

TEST_F(BulkheadTest, GivesUpWhatWasNotBegunByItsDeadline) {
    make({.concurrency = 1, .queue = 10});
    accept("hangs");
    accept("asked", EventKind::tool_calls, 1ms);
    accept("told", kStatus, 1ms);
    while (answers.size() < 2) ctx.run_one();
    EXPECT_EQ(answers["asked"], "the handler was not free in time");
    EXPECT_EQ(answers["told"], "the handler was not free in time");
    EXPECT_EQ(begun, (Ids{"hangs"}));
}

TEST_F(BulkheadTest, TakesThousandsThatEndAtOnceWithoutRecursion) {
    at_once = true;
    make({.concurrency = 1, .queue = 10});
    for (int i = 0; i < 100'000; ++i) accept(std::to_string(i));
    EXPECT_EQ(answers.size(), 100'000u);
    EXPECT_EQ(metrics.slots_busy.value(), 0);
}

TEST_F(BulkheadTest, StopsWhenItsWorkIsDoneOrItsTimeIsUp) {
    make({.concurrency = 1, .queue = 10});
    accept("works");
    accept("waits");
    int stopped = 0;
    bulkhead->stop(
        steady_clock::now() + 1ms, [this] { finish("works"); }, [&] { ++stopped; });
    accept("late");
    EXPECT_EQ(answers["late"], "the handler is stopping");
    while (stopped == 0) ctx.run_one();
    EXPECT_EQ(answers["works"], "answered");
    EXPECT_EQ(answers["waits"], "the handler was stopped");
    bulkhead.reset();
    EXPECT_EQ(metrics.slots.value(), 0);
}

}  // namespace
}  // namespace hookswitch
