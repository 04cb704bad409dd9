#include "handlers/worker_ledger.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using Entry = WorkerLedger::Entry;

const WorkerLedger::Time kStart{};

Entry* add(WorkerLedger& ledger, std::string id, EventKind kind, std::chrono::seconds deadline = 5s) {
    auto event = std::make_shared<Event>();
    event->kind = kind;
    Invocation invocation;
    invocation.id = id;
    invocation.event = event;
    invocation.deadline = kStart + deadline;
    Answer answer([](Result<Outcome>) {});
    EXPECT_TRUE(ledger.add(std::move(invocation), answer));
    return ledger.find(id);
}

std::string id_of(const Entry* entry) { return entry ? entry->invocation.id : "none"; }

constexpr auto kTool = EventKind::tool_calls;
constexpr auto kStatus = EventKind::status_update;

TEST(WorkerLedger, TakesWaitedForEventsFirstAndEachKindInOrder) {
    WorkerLedger ledger(1);
    add(ledger, "status1", kStatus);
    add(ledger, "tool1", kTool);
    add(ledger, "status2", kStatus);
    add(ledger, "request", EventKind::assistant_request);
    for (const char* expected : {"tool1", "request", "status1", "status2"}) {
        Entry* next = ledger.next(10);
        EXPECT_EQ(id_of(next), expected);
        ASSERT_TRUE(next);
        ledger.give(*next, 0);
        EXPECT_EQ(next->attempt, 1);
    }
    EXPECT_FALSE(ledger.next(10));
}

TEST(WorkerLedger, LeavesOneSlotFreeOfToldOnlyEvents) {
    WorkerLedger ledger(2);
    for (const char* id : {"s1", "s2", "s3"}) add(ledger, id, kStatus);
    ledger.give(*ledger.next(3), 0);
    ledger.give(*ledger.next(3), 1);
    EXPECT_EQ(id_of(ledger.next(3)), "none");
    add(ledger, "t1", kTool);
    EXPECT_EQ(id_of(ledger.next(3)), "t1");
    ledger.remove(*ledger.find("t1"));
    ledger.remove(*ledger.find("s1"));
    EXPECT_EQ(id_of(ledger.next(3)), "s3");
}

TEST(WorkerLedger, LetsToldOnlyEventsUseAnOnlySlot) {
    WorkerLedger ledger(1);
    add(ledger, "s1", kStatus);
    EXPECT_EQ(id_of(ledger.next(1)), "s1");
    add(ledger, "t1", kTool);
    EXPECT_EQ(id_of(ledger.next(1)), "t1");
}

TEST(WorkerLedger, TakesBackToTheFront) {
    WorkerLedger ledger(1);
    for (const char* id : {"t1", "t2", "t3"}) add(ledger, id, kTool);
    ledger.give(*ledger.next(2), 0);
    ledger.give(*ledger.next(2), 0);
    while (Entry* entry = ledger.last_at(0)) ledger.take_back(*entry);
    EXPECT_EQ(ledger.waiting(true), 3U);
    EXPECT_EQ(ledger.at(0), 0U);
    EXPECT_EQ(id_of(ledger.next(2)), "t1");
    EXPECT_EQ(ledger.next(2)->attempt, 1);
}

TEST(WorkerLedger, CountsToldOnlyEventsThatAreTakenBack) {
    WorkerLedger ledger(1);
    add(ledger, "s1", kStatus);
    for (int attempt = 0; attempt < 3; ++attempt) {
        Entry* next = ledger.next(2);
        ASSERT_EQ(id_of(next), "s1");
        ledger.give(*next, 0);
        ledger.take_back(*next);
    }
}

TEST(WorkerLedger, KnowsWhatIsDue) {
    WorkerLedger ledger(1);
    EXPECT_FALSE(ledger.next_due());
    add(ledger, "late", kTool, 9s);
    add(ledger, "soon", kTool, 2s);
    EXPECT_EQ(ledger.next_due(), kStart + 2s);
    EXPECT_FALSE(ledger.due_by(kStart + 1s));
    EXPECT_EQ(id_of(ledger.due_by(kStart + 2s)), "soon");
    ledger.set_due(*ledger.find("soon"), kStart + 20s);
    EXPECT_EQ(ledger.next_due(), kStart + 9s);
    ledger.remove(*ledger.find("late"));
    EXPECT_EQ(ledger.next_due(), kStart + 20s);
}

TEST(WorkerLedger, RefusesAnIdTwiceAndRemembersOldOnes) {
    WorkerLedger ledger(1);
    Entry* entry = add(ledger, "t1", kTool);
    bool dropped = false;
    {
        Invocation again = entry->invocation;
        Answer answer([&](Result<Outcome>) { dropped = true; });
        EXPECT_FALSE(ledger.add(std::move(again), answer));
        EXPECT_FALSE(dropped);
    }
    EXPECT_TRUE(dropped);
    EXPECT_FALSE(ledger.removed_lately("t1"));
    ledger.remove(*entry);
    EXPECT_TRUE(ledger.removed_lately("t1"));
    EXPECT_FALSE(ledger.removed_lately(""));
    EXPECT_TRUE(ledger.empty());
    for (int i = 0; i < 300; ++i) ledger.remove(*add(ledger, "x" + std::to_string(i), kTool));
    EXPECT_FALSE(ledger.removed_lately("t1"));
}

}  // namespace
}  // namespace hookswitch
