#include "handlers/worker.hpp"

#include "tests/support/worker_fixture.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace hookswitch {
namespace {

using namespace test;

// ---- answers

TEST_F(WorkerTest, HandsOnAnEventAndItsAnswer) {
    start();  // an event waits for the handshake
    Given& answer = give(tool_call("echo"), 15s);
    ASSERT_TRUE(answered(answer));
    EXPECT_EQ(result(answer, "attempt"), "1");
    const int left = std::stoi(result(answer, "deadline_ms"));
    EXPECT_GT(left, 5000);
    EXPECT_LE(left, 15000);
    EXPECT_EQ(answer_to(status_update("ended"), "attempt"), "1");
}

TEST_F(WorkerTest, StartsTheWorkerInItsSurroundings) {
    settings.environment = {{"GREETING", "hello"}};
    start();
    Given& answer = give(tool_call("surroundings"));
    ASSERT_TRUE(answered(answer));
    EXPECT_EQ(result(answer, "greeting"), "\"hello\"");
    EXPECT_EQ(result(answer, "directory"), json_string(directory));
}

TEST_F(WorkerTest, MatchesAnswersByIdInAnyOrder) {
    settings.concurrency = 3;
    start_ready();
    Given& first = give(tool_call("hold"), 15s);
    Given& second = give(tool_call("hold"), 10s);
    Given& third = give(tool_call("release"), 5s);
    ASSERT_TRUE(answered(first));
    EXPECT_GT(std::stoi(result(first, "deadline_ms")), 10'000);
    EXPECT_GT(std::stoi(result(second, "deadline_ms")), 5'000);
    EXPECT_LE(std::stoi(result(third, "deadline_ms")), 5'000);
}

TEST_F(WorkerTest, PassesLargeEventsAndAnswers) {
    start();
    EXPECT_EQ(answer_to(tool_call("long_answer", std::string(2 << 20, 'y')), "text").size(), (3U << 20) + 2);
    EXPECT_EQ(answer_to(tool_call("echo"), "attempt"), "1");
}

TEST_F(WorkerTest, PassesOnWhatTheWorkerCouldNotDo) {
    start();
    Given& failed = give(tool_call("fail"));
    Given& wrong = give(tool_call("wrong_reply"));
    ASSERT_TRUE(answered(failed) && answered(wrong));
    EXPECT_EQ(why(failed), "CRM is down");
    EXPECT_EQ(failed->error(), Errc::handler_failed);
    EXPECT_EQ(why(wrong), "its reply is not an object");
}

TEST_F(WorkerTest, TakesEventsFromAnyThread) {
    start();
    std::atomic<int> answers = 0;
    auto event = parse_event(tool_call("echo"));
    ASSERT_TRUE(event);
    auto shared = std::make_shared<const Event>(*std::move(event));
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 50; ++i) {
                Invocation invocation{std::to_string(t) + "-" + std::to_string(i),
                                      shared,
                                      shared->tool_calls.data(),
                                      "main",
                                      nullptr,
                                      {},
                                      steady_clock::now() + kLong};
                pool->handle(std::move(invocation), Answer([&](Result<Outcome> r) { answers += r ? 1 : 0; }));
            }
        });
    EXPECT_TRUE(until([&] { return answers == 100; }));
    for (auto& thread : threads) thread.join();
}

// ---- the queue

TEST_F(WorkerTest, RefusesWhatItsQueueCannotTake) {
    settings.queue = 1;
    start_ready();
    give(tool_call("hang"));
    give(tool_call("echo"));
    Given& refused = give(tool_call("echo"));
    ASSERT_TRUE(until([&] { return refused.has_value(); }, 1s));  // at once, not at its deadline
    EXPECT_EQ(why(refused), "the worker queue is full");
    EXPECT_EQ(refused->error(), Errc::overloaded);
    EXPECT_FALSE(give(status_update("echo")));  // callers cannot fill the queue of told-only events
}

TEST_F(WorkerTest, WorksWithoutAQueueAtAll) {
    settings.queue = 0;
    start_ready();
    EXPECT_EQ(answer_to(tool_call("echo"), "attempt"), "1");
    Given& first = give(tool_call("echo"));
    Given& second = give(tool_call("echo"));
    ASSERT_TRUE(answered(second));
    EXPECT_EQ(why(second), "the worker queue is full");
    EXPECT_TRUE(answered(first));
}

TEST_F(WorkerTest, KeepsASlotForCallers) {
    settings.workers = 2;
    start();
    Given& told = give(status_update("hang"));
    Given& told_more = give(status_update("hang"));
    EXPECT_EQ(answer_to(tool_call("echo"), "attempt"), "1");
    EXPECT_FALSE(told);
    EXPECT_FALSE(told_more);
}

TEST_F(WorkerTest, DropsWaitingEventsAtTheirDeadline) {
    start_ready();
    give(tool_call("hang"));
    Given& waiting = give(tool_call("echo"), 50ms);
    ASSERT_TRUE(until([&] { return waiting.has_value(); }, 5s));
    EXPECT_EQ(why(waiting), "no worker was free in time");
    EXPECT_EQ(waiting->error(), Errc::deadline_exceeded);
}

TEST_F(WorkerTest, RefusesAnEventThatItHasAlready) {
    start_ready();
    give(tool_call("hang"));
    auto event = parse_event(tool_call("echo"));
    ASSERT_TRUE(event);
    Invocation again{"event0",
                     std::make_shared<const Event>(*std::move(event)),
                     nullptr,
                     "main",
                     nullptr,
                     {},
                     steady_clock::now() + kLong};
    Given answer;
    pool->handle(std::move(again), Answer([&](Result<Outcome> r) { answer = std::move(r); }));
    EXPECT_TRUE(answered(answer));
    EXPECT_EQ(why(answer), "the worker is still at an earlier attempt");
}

}  // namespace
}  // namespace hookswitch
