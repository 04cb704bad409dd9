#include "tests/support/worker_fixture.hpp"

#include <boost/asio/steady_timer.hpp>

#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <vector>

namespace hookswitch {
namespace {

using namespace test;
namespace asio = boost::asio;

// ---- death

TEST_F(WorkerTest, GivesTheEventsOfADeadWorkerOnceMore) {
    settings.concurrency = 3;
    start_ready();
    Given& held = give(tool_call("hold"));
    Given& told = give(status_update("hold"));
    Given& killer = give(tool_call("crash_first"));
    ASSERT_TRUE(answered(killer));
    EXPECT_EQ(result(killer, "attempt"), "2");
    EXPECT_EQ(answer_to(tool_call("release"), "attempt"), "1");
    ASSERT_TRUE(answered(held));
    EXPECT_EQ(result(held, "attempt"), "2");
    EXPECT_EQ(why(told), "the worker ended before it answered");  // its retries are counted elsewhere
}

TEST_F(WorkerTest, DoesNotCountAnEventThatADeadWorkerNeverGot) {
    start_ready();
    const std::string idle = pid();
    ASSERT_EQ(::kill(std::stoi(idle), SIGKILL), 0);
    ASSERT_TRUE(is_gone(idle));
    EXPECT_EQ(answer_to(tool_call("echo"), "attempt"), "1");  // found dead by writing to it
}

TEST_F(WorkerTest, GivesUpAnEventThatKillsTwice) {
    start();
    Given& killer = give(tool_call("crash"));
    ASSERT_TRUE(answered(killer));
    EXPECT_EQ(why(killer), "the worker ended before it answered");
    EXPECT_EQ(answer_to(tool_call("echo"), "attempt"), "1");
}

TEST_F(WorkerTest, DoesNotRepeatAnEventAfterItsDeadline) {
    settings.hang_timeout = 0ms;
    start_ready();
    Given& hanging = give(tool_call("hang"), 100ms);
    ASSERT_TRUE(answered(hanging));
    EXPECT_EQ(why(hanging), "the worker ended before it answered");
}

TEST_F(WorkerTest, CountsTheAnswerOfAWorkerThatEndsWithIt) {
    start();
    EXPECT_EQ(answer_to(tool_call("answer_and_exit"), "attempt"), "1");
    EXPECT_FALSE(pid().empty());
}

TEST_F(WorkerTest, KillsWhatADeadWorkerLeavesBehind) {
    start();
    const std::string child = answer_to(tool_call("leave_child"), "child");
    EXPECT_TRUE(is_running(child));
    stop(1s);
    EXPECT_TRUE(is_gone(child));
}

TEST_F(WorkerTest, ReplacesAWorkerThatHangs) {
    settings.hang_timeout = 50ms;
    start_ready();
    Logged logged;
    const std::string before = pid();
    give(tool_call("hang"), 50ms);
    const std::string after = pid();
    EXPECT_NE(before, after);
    EXPECT_TRUE(is_gone(before));
    EXPECT_TRUE(has(logged.take(), "an event is unanswered 50 ms after its deadline"));
}

TEST_F(WorkerTest, ReplacesAWorkerThatMissesDeadlinesInARow) {
    settings.concurrency = 4;
    settings.max_missed = 3;
    start_ready();
    Logged logged;
    const std::string before = pid();
    for (int i = 0; i < 2; ++i) give(tool_call("hold"), 50ms);
    Given& third = give(tool_call("hold"), 200ms);
    ASSERT_TRUE(answered(third));
    EXPECT_NE(pid(), before);
    EXPECT_TRUE(has(logged.take(), "it missed 3 deadlines in a row"));
}

TEST_F(WorkerTest, ForgivesMissedDeadlinesAfterAnAnswerInTime) {
    settings.concurrency = 3;
    settings.max_missed = 2;
    start_ready();
    const std::string before = pid();
    for (int i = 0; i < 3; ++i) {
        Given& late = give(tool_call("hold"), 20ms);
        until([] { return false; }, 40ms);  // the deadline itself
        EXPECT_FALSE(late);
        EXPECT_EQ(answer_to(tool_call("release"), "pid"), before);
        ASSERT_TRUE(answered(late));
        EXPECT_EQ(result(late, "pid"), before);  // late answers are answers; the dispatcher judges them
    }
}

TEST_F(WorkerTest, HoldsTheSlotOfAMissedEvent) {
    settings.max_missed = 100;
    start_ready();
    give(tool_call("hang"), 20ms);
    Given& next = give(tool_call("echo"), 200ms);
    ASSERT_TRUE(answered(next));
    EXPECT_EQ(why(next), "no worker was free in time");
}

TEST_F(WorkerTest, ReplacesAWorkerThatClosesItsOutput) {
    start_ready();
    EXPECT_EQ(answer_to(tool_call("close_output"), "attempt"), "2");
}

TEST_F(WorkerTest, ReplacesAWorkerThatClosesItsInput) {
    start_ready();
    const std::string before = answer_to(tool_call("close_input"), "pid");
    const std::string after = pid();
    EXPECT_NE(before, after);
    EXPECT_TRUE(is_gone(before));
}

// ---- what it writes

TEST_F(WorkerTest, PassesOverSecondAnswersAndUnknownIds) {
    start_ready();
    const std::string before = answer_to(tool_call("twice"), "pid");
    EXPECT_EQ(answer_to(tool_call("twice"), "pid"), before);
    EXPECT_EQ(pid(), before);
}

TEST_F(WorkerTest, PassesOverSomeGarbage) {
    start_ready();
    Logged logged;
    EXPECT_EQ(answer_to(tool_call("some_garbage"), "attempt"), "1");
    EXPECT_EQ(answer_to(tool_call("some_garbage"), "attempt"), "1");
    const std::string log = logged.take();
    EXPECT_EQ(count(log, "worker.garbage"), 1U) << log;
    EXPECT_FALSE(has(log, "print debugging")) << log;
}

TEST_F(WorkerTest, ReplacesAWorkerThatWritesOnlyGarbage) {
    start_ready();
    Logged logged;
    EXPECT_EQ(answer_to(tool_call("garbage"), "attempt"), "2");
    EXPECT_TRUE(has(logged.take(), "1000 lines in a row were no answer"));
}

TEST_F(WorkerTest, ReplacesAWorkerThatWritesAnEndlessLine) {
    start_ready();
    Logged logged;
    EXPECT_EQ(answer_to(tool_call("long_line"), "attempt"), "2");
    EXPECT_TRUE(has(logged.take(), "it wrote a line of more than 4 MiB"));
}

TEST_F(WorkerTest, IsNotStarvedByAFlood) {
    how("flood");
    start_ready();
    asio::steady_timer timer(ctx);
    milliseconds worst{};
    for (int i = 0; i < 20; ++i) {
        const auto begin = steady_clock::now();
        bool fired = false;
        timer.expires_after(5ms);
        timer.async_wait([&](auto) { fired = true; });
        ASSERT_TRUE(until([&] { return fired; }));
        worst = std::max(worst, std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin));
    }
    EXPECT_LT(worst, 1s);  // a turn takes milliseconds, with sanitizers and on a busy machine too
}

TEST_F(WorkerTest, IsNotHeldUpByAWorkerThatDoesNotRead) {
    how("deaf_first");
    ASSERT_EQ(::mkfifo((directory + "/gate").c_str(), 0600), 0);
    settings.workers = 2;
    settings.concurrency = 2;
    start();
    std::vector<Given*> answers;
    const std::string large(200'000, 'y');  // more than its pipe takes
    for (int i = 0; i < 4; ++i) answers.push_back(&give(tool_call("echo", large)));
    const auto done = [&] {
        return std::count_if(answers.begin(), answers.end(), [](auto* a) { return a->has_value(); });
    };
    EXPECT_TRUE(until([&] { return done() == 2; }));
    EXPECT_EQ(answer_to(tool_call("echo"), "attempt"), "1");
    EXPECT_EQ(done(), 2);
}

TEST_F(WorkerTest, LogsStandardErrorWithinReason) {
    start_ready();
    Logged logged;
    EXPECT_EQ(answer_to(tool_call("complain"), "attempt"), "1");
    stop(1s);
    const std::string log = logged.take();
    EXPECT_TRUE(has(log, "worker.stderr handler=desk pid=")) << log.substr(0, 300);
    EXPECT_TRUE(has(log, "line=\"complaint 99 xxx")) << log.substr(0, 300);
    EXPECT_LT(count(log, "complaint"), 500U);
    EXPECT_TRUE(has(log, "suppressed="));
    EXPECT_FALSE(has(log, std::string(4096, 'x')));
}

TEST_F(WorkerTest, HandsOverActionsAndSaysWhatIsNoAction) {
    std::vector<std::string> unasked;
    act = [&](const std::string& call, const std::vector<CallCommand>& commands) {
        for (const CallCommand& command : commands) unasked.push_back(call + " " + command.body);
    };
    start_ready();
    Logged logged;
    Given& answer = give(tool_call("act"));
    ASSERT_TRUE(answered(answer));
    EXPECT_EQ(why(answer), "answered: {\"result\":1}");
    ASSERT_EQ((**answer).actions.size(), 1U);
    EXPECT_EQ((**answer).actions[0].body, R"({"type":"end-call"})");
    EXPECT_EQ(unasked, std::vector<std::string>{R"(c9 {"type":"say","content":"Done.","end_after":false})"});
    EXPECT_EQ(count(logged.take(), "action.invalid handler=desk id="), 1U);
    EXPECT_EQ(metrics.invalid_actions.value(), 1U);
}

// ---- start

TEST_F(WorkerTest, ReplacesAWorkerWithTheWrongHandshake) {
    struct {
        const char *start, *why;
    } const cases[] = {
        {"hello", "its first line is not {\\\"hookswitch\\\":1} but: Loading the model..."},
        {"version", "it speaks version 2 of the protocol, not 1"},
        {"silent", "no handshake within 300 ms"},
        {"broken", "exited with status 1"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.start);
        Logged logged;
        how(c.start);
        settings.start_timeout = std::string_view(c.start) == "silent" ? 300ms : 10'000ms;
        stopped = false;
        start();
        EXPECT_EQ(ready(), false);
        stop(0ms);
        const std::string log = logged.take();
        EXPECT_TRUE(has(log, c.why)) << log;
        EXPECT_TRUE(has(log, "worker.restarting handler=desk")) << log;
    }
}

TEST_F(WorkerTest, SaysWhyAProgramCannotBeStarted) {
    Logged logged;
    settings.command = {"/nonexistent/desk"};
    start();
    EXPECT_EQ(ready(), false);
    EXPECT_TRUE(has(logged.take(), "start /nonexistent/desk: No such file or directory"));
}

TEST_F(WorkerTest, DoesNotKeepCallersWaitingForAWorkerThatCannotBeStarted) {
    settings.command = {"/nonexistent/desk"};
    start();
    Given& answer = give(tool_call("echo"), 1ms);
    ASSERT_TRUE(answered(answer));
    EXPECT_EQ(why(answer), "no worker can be started");
}

TEST_F(WorkerTest, TriesAgainAfterAFailedStart) {
    how("broken_once");
    start();
    EXPECT_EQ(ready(), false);
    EXPECT_EQ(answer_to(tool_call("echo"), "attempt"), "1");
    EXPECT_EQ(ready(), true);
}

// ---- stop

TEST_F(WorkerTest, FinishesItsWorkBeforeItStops) {
    settings.concurrency = 2;
    start_ready();
    Given& held = give(tool_call("hold"));
    Given& release = give(tool_call("release"));
    Given& waiting = give(tool_call("echo"));
    pool->stop(steady_clock::now() + kLong, [this] { stopped = true; });
    Given& refused = give(tool_call("echo"));
    ASSERT_TRUE(answered(refused));
    EXPECT_EQ(why(refused), "the worker pool is stopping");
    EXPECT_EQ(refused->error(), Errc::overloaded);
    EXPECT_TRUE(until([&] { return stopped; }));
    EXPECT_EQ(result(held, "attempt"), "1");
    EXPECT_EQ(result(release, "attempt"), "1");
    EXPECT_EQ(result(waiting, "attempt"), "1");
}

TEST_F(WorkerTest, EndsAWorkerByClosingItsInput) {
    start_ready();
    Logged logged;
    const std::string worker = pid();
    stop(1s);
    EXPECT_TRUE(is_gone(worker));
    const std::string log = logged.take();
    EXPECT_TRUE(has(log, "exited with status 0")) << log;
    EXPECT_FALSE(has(log, "worker.killed")) << log;
}

TEST_F(WorkerTest, KillsWhatDoesNotStop) {
    how("stubborn");
    start_ready();
    const std::string worker = pid();
    Given& unfinished = give(tool_call("hold"));
    stop(50ms);
    EXPECT_TRUE(stopped);
    EXPECT_TRUE(is_gone(worker));
    EXPECT_EQ(why(unfinished), "the worker pool was stopped");
}

TEST_F(WorkerTest, CanBeHurriedWhileItStops) {
    start_ready();
    give(tool_call("hold"));
    bool patient = false, hurried = false, late = false;
    pool->stop(steady_clock::now() + 1h, [&] { patient = true; });
    pool->stop(steady_clock::now(), [&] { hurried = true; });
    EXPECT_TRUE(until([&] { return patient && hurried; }));
    pool->stop(steady_clock::now(), [&] { late = stopped = true; });
    EXPECT_TRUE(until([&] { return late; }));
}

TEST_F(WorkerTest, StopsWhileItsWorkersAreStarting) {
    how("silent");
    settings.workers = 2;
    start();
    stop(1s);
    EXPECT_TRUE(stopped);
}

TEST_F(WorkerTest, StopsWhileItWaitsToRestart) {
    settings.command = {"/nonexistent/desk"};
    start();
    stop(1s);
    EXPECT_TRUE(stopped);
}

TEST_F(WorkerTest, KillsItsWorkersWhenItIsDropped) {
    start_ready();
    const std::string worker = pid();
    Given& open = give(tool_call("hold"));
    pool.reset();
    EXPECT_EQ(why(open), "the handler dropped the event");
    EXPECT_TRUE(is_gone(worker));
}

}  // namespace
}  // namespace hookswitch
