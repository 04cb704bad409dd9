// Which command goes when, with a clock that only the tests move.

#include "daemon/core/command_queue.hpp"

#include <gtest/gtest.h>

#include <map>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using Type = CallCommand::Type;
using Time = CommandQueue::Time;

class CommandQueueTest : public ::testing::Test {
protected:
    // What is put in is named by its body.
    bool add(const std::string& call, Type type, const std::string& name) {
        return queue.add({++number, call, {type, name}, now + 30s});
    }
    std::string next() {
        queue.expired(now);
        const auto command = queue.next(now);
        return command ? command->call + ":" + command->command.body : "";
    }
    // The same, and it is answered at once.
    std::string send() {
        const std::string sent = next();
        if (!sent.empty()) queue.done(sent.substr(0, sent.find(':')));
        return sent;
    }

    CommandQueue queue{100, 10};
    Time now{std::chrono::hours(1000)};
    std::uint64_t number = 0;
};

TEST_F(CommandQueueTest, SendsACallsCommandsInOrderOneAtATime) {
    add("c1", Type::say, "a");
    add("c1", Type::end_call, "b");
    EXPECT_EQ(next(), "c1:a");
    EXPECT_EQ(next(), "");
    EXPECT_EQ(queue.pending("c1"), 2U);
    queue.done("c1");
    EXPECT_EQ(next(), "c1:b");
    queue.done("c1");
    EXPECT_EQ(queue.pending("c1"), 0U);
    EXPECT_EQ(queue.size(), 0U);
}

TEST_F(CommandQueueTest, SendsTheMostUrgentOfAllCallsFirst) {
    add("c1", Type::say, "a");
    add("c2", Type::inject_context, "b");
    add("c3", Type::say, "c");
    add("c4", Type::transfer, "d");
    add("c5", Type::end_call, "e");
    EXPECT_EQ(send(), "c5:e");
    EXPECT_EQ(send(), "c4:d");
    EXPECT_EQ(send(), "c2:b");
    EXPECT_EQ(send(), "c1:a");
    EXPECT_EQ(send(), "c3:c");
    EXPECT_EQ(send(), "");
}

TEST_F(CommandQueueTest, SendsTenAMinuteForACall) {
    for (int i = 0; i < 12; ++i) add("c1", Type::say, std::to_string(i));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(send(), "c1:" + std::to_string(i));
    EXPECT_EQ(send(), "");
    add("c2", Type::say, "other");
    EXPECT_EQ(send(), "c2:other");
    now += 29s;
    EXPECT_EQ(send(), "");
    const Time wake = queue.wake(now);
    EXPECT_EQ(wake, now + 1s);  // when the two expire
    now = wake;
    EXPECT_EQ(queue.expired(now).size(), 2U);
    EXPECT_EQ(queue.size(), 0U);
}

TEST_F(CommandQueueTest, AnEndCallDoesNotWaitBehindSentencesThatHadToWait) {
    for (int i = 0; i < 10; ++i) add("c1", Type::say, std::to_string(i));
    for (int i = 0; i < 10; ++i) send();
    now += 40s;
    add("c1", Type::say, "x");
    add("c1", Type::inject_context, "y");
    add("c1", Type::end_call, "z");
    EXPECT_EQ(send(), "");
    now += 21s;
    EXPECT_EQ(send(), "c1:z");
    EXPECT_EQ(queue.drop("c1").size(), 2U);
}

TEST_F(CommandQueueTest, AStormNeverExceedsTheKeysBudgetInAnyMinute) {
    std::vector<Time> sent;
    std::map<std::string, std::vector<Time>> of_call;
    std::size_t expired = 0, added = 0, full = 0;
    for (int tick = 0; tick < 600; ++tick, now += 500ms) {
        for (int i = 0; i < 8; ++i) {
            const std::string call = "c" + std::to_string((tick * 7 + i * 13) % 40);
            add(call, static_cast<Type>((tick + i) % 4), "x") ? ++added : ++full;
        }
        expired += queue.expired(now).size();
        while (auto command = queue.next(now)) {
            EXPECT_GT(command->expires, now);
            sent.push_back(now);
            of_call[command->call].push_back(now);
            queue.done(command->call);
        }
    }
    const auto most_in_a_minute = [](const std::vector<Time>& times) {
        std::size_t most = 0;
        for (std::size_t first = 0, last = 0; last < times.size(); ++last) {
            while (times[last] - times[first] >= 60s) ++first;
            most = std::max(most, last - first + 1);
        }
        return most;
    };
    EXPECT_LE(most_in_a_minute(sent), 100U);
    EXPECT_GE(sent.size(), 490U);  // and what the budget allows is used: five minutes
    for (const auto& [call, times] : of_call) EXPECT_LE(most_in_a_minute(times), 10U) << call;
    EXPECT_EQ(added, sent.size() + expired + queue.size());
    EXPECT_GT(expired, 0U);
}

TEST_F(CommandQueueTest, KeepsTheLastOfTheKeysBudgetForWhatEndsACall) {
    for (int i = 0; i < 120; ++i) add("c" + std::to_string(i), Type::say, "x");
    for (int i = 0; i < 90; ++i) EXPECT_NE(send(), "") << i;
    EXPECT_EQ(send(), "");
    for (int i = 0; i < 12; ++i) add("d" + std::to_string(i), i % 2 ? Type::transfer : Type::end_call, "y");
    for (int i = 0; i < 10; ++i) EXPECT_EQ(send().front(), 'd') << i;
    EXPECT_EQ(send(), "");
}

TEST_F(CommandQueueTest, BelievesWhatThePlatformSaysIsLeft) {
    queue.key_budget().seen(100, 2, now + 20s, 0);  // somebody else uses the key too
    add("c1", Type::say, "a");
    add("c2", Type::say, "b");
    add("c3", Type::say, "c");
    EXPECT_EQ(send(), "c1:a");
    EXPECT_EQ(send(), "c2:b");
    EXPECT_EQ(send(), "");
    EXPECT_EQ(queue.wake(now), now + 20s);
    now += 20s;
    EXPECT_EQ(send(), "c3:c");
}

TEST_F(CommandQueueTest, AnswersToABurstDoNotCountAgainstItTwice) {
    for (int i = 0; i < 60; ++i) add("c" + std::to_string(i), Type::say, "x");
    std::vector<QueuedCommand> flight;
    queue.expired(now);
    while (auto command = queue.next(now)) flight.push_back(*command);
    ASSERT_EQ(flight.size(), 60U);
    for (const auto& command : flight) {  // the platform has counted all before the first answer is read
        queue.key_budget().seen(100, 40, now + 60s, static_cast<std::int64_t>(queue.in_flight()) - 1);
        queue.done(command.call);
    }
    for (int i = 0; i < 40; ++i) add("d" + std::to_string(i), Type::end_call, "x");
    for (int i = 0; i < 40; ++i) EXPECT_NE(send(), "") << i;
}

TEST_F(CommandQueueTest, AnEndCallDoesNotWaitBehindOtherCallsSentencesForTheKey) {
    for (int i = 0; i < 100; ++i) add("a" + std::to_string(i), Type::say, "x");
    for (int i = 0; i < 100; ++i) send();
    now += 40s;
    for (int i = 0; i < 200; ++i) add("b" + std::to_string(i), Type::say, "x");
    EXPECT_EQ(send(), "");
    add("b199", Type::end_call, "end");
    now += 21s;
    EXPECT_EQ(send(), "b199:x");
    EXPECT_EQ(send(), "b199:end");
    EXPECT_EQ(send(), "b0:x");
}

TEST_F(CommandQueueTest, TakesALimitFromThePlatform) {
    queue.key_budget().seen(1000, 999, now + 60s, 0);
    for (int i = 0; i < 500; ++i) add("c" + std::to_string(i), Type::say, "x");
    for (int i = 0; i < 500; ++i) EXPECT_NE(send(), "") << i;
}

TEST_F(CommandQueueTest, WhatGot429GoesFirstAgainOnceItMay) {
    add("c1", Type::say, "a");
    add("c1", Type::say, "b");
    queue.expired(now);
    auto command = *queue.next(now);
    queue.call_budget("c1").exhausted(now + 5s);
    queue.put_back(std::move(command));
    EXPECT_EQ(queue.in_flight(), 0U);
    EXPECT_EQ(next(), "");
    EXPECT_EQ(queue.wake(now), now + 5s);
    now += 5s;
    EXPECT_EQ(send(), "c1:a");
    EXPECT_EQ(send(), "c1:b");
}

TEST_F(CommandQueueTest, IsBounded) {
    for (std::size_t i = 0; i < CommandQueue::kMostOfCall; ++i) EXPECT_TRUE(add("c1", Type::say, "x"));
    EXPECT_FALSE(add("c1", Type::say, "x"));
    for (std::size_t i = 0; i < CommandQueue::kUrgentOfCall; ++i) EXPECT_TRUE(add("c1", Type::end_call, "x"));
    EXPECT_FALSE(add("c1", Type::end_call, "x"));
    for (int c = 0; queue.size() < CommandQueue::kMost; ++c)
        ASSERT_TRUE(add("d" + std::to_string(c), Type::say, "x"));
    EXPECT_FALSE(add("e", Type::say, "x"));
    EXPECT_EQ(queue.pending("e"), 0U);
    for (std::size_t i = 0; i < CommandQueue::kUrgent; ++i)
        EXPECT_TRUE(add("f" + std::to_string(i), Type::end_call, "x"));
    EXPECT_FALSE(add("e", Type::end_call, "x"));
    EXPECT_EQ(queue.drop_all().size(), CommandQueue::kMost + CommandQueue::kUrgent);
    EXPECT_EQ(queue.size(), 0U);
    EXPECT_EQ(next(), "");
}

}  // namespace
}  // namespace hookswitch
