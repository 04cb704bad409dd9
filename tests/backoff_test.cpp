#include "daemon/core/backoff.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToItsLimitUntilReset) {
    Backoff backoff(100ms, 1s);
    for (const auto expected : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
        SCOPED_TRACE(expected.count());
        Backoff same = backoff;
        EXPECT_EQ(backoff.next(0), expected / 2);
        EXPECT_NEAR(static_cast<double>(same.next(0.999).count()), static_cast<double>(expected.count()), 1);
    }
    backoff.reset();
    EXPECT_EQ(backoff.next(0), 50ms);
}

TEST(Throttle, LetsABurstThroughInEachWindowAndCountsTheRest) {
    Throttle throttle(2, 1s);
    const Throttle::Time start{};
    EXPECT_EQ(throttle.pass(start), 0U);
    EXPECT_EQ(throttle.pass(start + 500ms), 0U);
    EXPECT_EQ(throttle.pass(start + 600ms), std::nullopt);
    EXPECT_EQ(throttle.pass(start + 999ms), std::nullopt);
    EXPECT_EQ(throttle.pass(start + 1s), 2U);
    EXPECT_EQ(throttle.pass(start + 1s), 0U);
    EXPECT_EQ(throttle.pass(start + 1s), std::nullopt);
    EXPECT_EQ(throttle.take_held_back(), 1U);
    EXPECT_EQ(throttle.take_held_back(), 0U);
}

}  // namespace
}  // namespace hookswitch
