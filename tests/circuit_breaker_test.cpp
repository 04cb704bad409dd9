#include "handlers/circuit_breaker.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

struct CircuitBreakerTest : testing::Test {
    void fail_once(bool waited_for = true) {
        const auto pass = breaker.admit(now, waited_for);
        ASSERT_TRUE(pass);
        breaker.failed(*pass, now);
    }
    void open() {
        for (int i = 0; i < 3; ++i) fail_once();
        ASSERT_TRUE(breaker.is_open());
    }

    CircuitBreaker breaker{{.failures = 3, .pause = 5s}};
    CircuitBreaker::Time now{};
};

TEST_F(CircuitBreakerTest, OpensAfterFailuresInARowOnly) {
    fail_once();
    fail_once();
    breaker.succeeded(*breaker.admit(now, false));
    fail_once();
    fail_once();
    EXPECT_FALSE(breaker.is_open());
    fail_once();
    EXPECT_TRUE(breaker.is_open());
    EXPECT_FALSE(breaker.admit(now + 4999ms, true));
}

TEST_F(CircuitBreakerTest, TriesOneOfEachSortAfterThePause) {
    open();
    now += 5s;
    EXPECT_TRUE(breaker.admits(now, true));
    const auto waited_for = breaker.admit(now, true);
    ASSERT_TRUE(waited_for);
    EXPECT_FALSE(breaker.admit(now, true)) << "one at a time";
    const auto told_only = breaker.admit(now, false);
    ASSERT_TRUE(told_only) << "a told-only one may take long to fail";
    EXPECT_FALSE(breaker.admits(now, false));

    breaker.failed(*waited_for, now + 1s);
    EXPECT_FALSE(breaker.admits(now + 5s, true)) << "another pause";
    EXPECT_TRUE(breaker.admits(now + 6s, true));
    breaker.succeeded(*told_only);
    EXPECT_FALSE(breaker.is_open());
    EXPECT_TRUE(breaker.admits(now + 1s, true));
    fail_once();
    EXPECT_FALSE(breaker.is_open()) << "the count begins anew";
}

TEST_F(CircuitBreakerTest, LearnsFromRequestsOfBeforeItOpened) {
    const auto slow = breaker.admit(now, true), slower = breaker.admit(now, true);
    open();
    breaker.failed(*slow, now + 4s);
    EXPECT_TRUE(breaker.admits(now + 5s, true)) << "no longer pause for what is known";
    breaker.succeeded(*slower);
    EXPECT_FALSE(breaker.is_open());
}

TEST_F(CircuitBreakerTest, ForgetsATrialThatToldNothing) {
    open();
    now += 5s;
    breaker.withdrawn(*breaker.admit(now, true));
    EXPECT_TRUE(breaker.is_open());
    EXPECT_TRUE(breaker.admits(now, true));
}

TEST_F(CircuitBreakerTest, CanBeOff) {
    breaker = CircuitBreaker({.failures = 0, .pause = 5s});
    for (int i = 0; i < 100; ++i) fail_once();
    EXPECT_TRUE(breaker.admits(now, true));
}

}  // namespace
}  // namespace hookswitch
