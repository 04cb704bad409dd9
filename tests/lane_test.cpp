#include "daemon/lane.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

Job job(std::int64_t seq, std::uint64_t call) { return {seq, call, 0, false, nullptr}; }

struct LaneTest : testing::Test {
    // What can be started now, in order; stays in work.
    std::vector<std::int64_t> started() {
        std::vector<std::int64_t> seqs;
        while (auto next = lane.next()) {
            seqs.push_back(next->seq);
            in_work.push_back(*next);
        }
        return seqs;
    }
    Job taken(std::int64_t seq) {
        const auto it =
            std::find_if(in_work.begin(), in_work.end(), [&](const Job& j) { return j.seq == seq; });
        Job job = *it;
        in_work.erase(it);
        return job;
    }

    Lane lane;
    std::vector<Job> in_work;
    const Lane::Time now = Lane::Time() + 1h;
};

using Seqs = std::vector<std::int64_t>;

TEST_F(LaneTest, IsInOrderPerCallAndConcurrentAcrossCalls) {
    for (const auto& [seq, call] : {std::pair{1, 7u}, {2, 7u}, {3, 8u}, {4, 7u}}) lane.add(job(seq, call));
    EXPECT_EQ(started(), (Seqs{1, 3}));
    lane.done(taken(1));
    EXPECT_EQ(started(), Seqs{2});
    lane.done(taken(3));
    EXPECT_EQ(started(), Seqs{});
    lane.done(taken(2));
    EXPECT_EQ(started(), Seqs{4});
    EXPECT_EQ(lane.size(), 1u);
    lane.done(taken(4));
    EXPECT_EQ(lane.size(), 0u);
    EXPECT_EQ(lane.in_work(), 0u);
}

TEST_F(LaneTest, EventsOfNoCallDoNotWaitForOneAnother) {
    for (int seq = 1; seq <= 3; ++seq) lane.add(job(seq, 0));
    EXPECT_EQ(started(), (Seqs{1, 2, 3}));
    lane.done(taken(2));
    EXPECT_EQ(lane.size(), 2u);
}

TEST_F(LaneTest, OneThatWaitsForARetryHoldsBackItsOwnCallOnly) {
    for (const auto& [seq, call] : {std::pair{1, 7u}, {2, 7u}, {3, 8u}}) lane.add(job(seq, call));
    EXPECT_EQ(started(), (Seqs{1, 3}));
    lane.retry(taken(1), now + 5s);
    EXPECT_EQ(lane.next_due(), now + 5s);
    lane.add(job(4, 8u));
    lane.done(taken(3));
    EXPECT_EQ(started(), Seqs{4});
    lane.wake(now + 4s);
    EXPECT_EQ(started(), Seqs{});
    lane.wake(now + 5s);
    EXPECT_EQ(started(), Seqs{1});
    EXPECT_EQ(lane.next_due(), std::nullopt);
    lane.done(taken(1));
    EXPECT_EQ(started(), Seqs{2});
}

TEST_F(LaneTest, OneThatCouldNotBeBegunGoesFirst) {
    lane.add(job(1, 7u));
    lane.add(job(2, 8u));
    lane.put_back(*lane.next());
    EXPECT_EQ(lane.in_work(), 0u);
    EXPECT_EQ(started(), (Seqs{1, 2}));
}

TEST_F(LaneTest, ARestoredOneWaitsAndHoldsBackWhatIsAddedLater) {
    lane.restore(job(1, 7u), now + 1min);
    lane.restore(job(2, 7u), now + 1s);  // of the same call: after the first
    lane.restore(job(3, 8u), now + 1s);
    lane.add(job(4, 7u));
    EXPECT_EQ(lane.size(), 4u);
    EXPECT_EQ(started(), Seqs{});
    lane.wake(now + 2s);
    EXPECT_EQ(started(), Seqs{3});
    lane.wake(now + 1min);
    EXPECT_EQ(started(), Seqs{1});
    lane.done(taken(1));
    EXPECT_EQ(started(), Seqs{2});
}

TEST_F(LaneTest, OneThatWaitsCanBeHurried) {
    lane.restore(job(1, 7u), now + 1h);
    lane.restore(job(2, 8u), now + 1h);
    lane.hurry(2);
    lane.hurry(99);
    EXPECT_EQ(started(), Seqs{2});
    EXPECT_EQ(lane.size(), 2u);
}

TEST_F(LaneTest, GivesUpEverythingThatIsNotInWork) {
    lane.add(job(1, 7u));
    lane.add(job(2, 7u));
    lane.add(job(3, 8u));
    EXPECT_EQ(lane.next()->seq, 1);
    lane.restore(job(4, 9u), now);
    EXPECT_EQ(lane.take_all().size(), 3u);
    EXPECT_EQ(lane.size(), 1u);
    lane.done(job(1, 7u));
    EXPECT_EQ(lane.size(), 0u);
}

}  // namespace
}  // namespace hookswitch
