#include "daemon/senders.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using Standing = Senders::Standing;

const Senders::Time kStart{1'000'000s};

Address address(const std::string& text) { return *Address::parse(text); }

bool use_up(Senders& senders, const Address& who, Senders::Time when, int budget) {
    bool blocked = false;
    for (int i = 0; i < budget; ++i) blocked = senders.failed(who, when);
    return blocked;
}

TEST(Senders, OneThatGuessesIsBlockedWhenItsBudgetIsUsedUp) {
    Senders senders(20, 1);
    const Address guesser = address("192.0.2.1");
    EXPECT_EQ(senders.standing(guesser, kStart), Standing::unknown);
    for (int i = 0; i < 19; ++i) EXPECT_FALSE(senders.failed(guesser, kStart));
    EXPECT_EQ(senders.standing(guesser, kStart), Standing::unknown);
    EXPECT_TRUE(senders.failed(guesser, kStart)) << "told once, with the last of the budget";
    EXPECT_EQ(senders.standing(guesser, kStart), Standing::blocked);
    EXPECT_FALSE(senders.failed(guesser, kStart));
    EXPECT_EQ(senders.standing(address("192.0.2.2"), kStart), Standing::unknown);
}

TEST(Senders, TheBudgetRefillsOneByOne) {
    Senders senders(20, 1);
    const Address guesser = address("192.0.2.1");
    use_up(senders, guesser, kStart, 50);
    EXPECT_EQ(senders.standing(guesser, kStart + 2900ms), Standing::blocked);
    EXPECT_EQ(senders.standing(guesser, kStart + 3100ms), Standing::unknown);
    EXPECT_TRUE(senders.failed(guesser, kStart + 3100ms));
    EXPECT_EQ(senders.standing(guesser, kStart + 3100ms), Standing::blocked);
    EXPECT_FALSE(use_up(senders, guesser, kStart + 63s, 10)) << "most of it is back after a minute";
}

TEST(Senders, OneThatHasProvedItselfIsNeverBlockedWithinTheHour) {
    Senders senders(20, 1);
    const Address sender = address("192.0.2.1");
    use_up(senders, sender, kStart, 50);
    senders.succeeded(sender, kStart);
    EXPECT_EQ(senders.standing(sender, kStart), Standing::proven);
    EXPECT_FALSE(use_up(senders, sender, kStart + 1s, 500));
    EXPECT_EQ(senders.standing(sender, kStart + 3599s), Standing::proven);
    EXPECT_EQ(senders.standing(sender, kStart + 3601s), Standing::unknown) << "and the budget has refilled";
    use_up(senders, sender, kStart + 3601s, 20);
    EXPECT_EQ(senders.standing(sender, kStart + 3601s), Standing::blocked);
}

TEST(Senders, IPv6CountsByItsCustomerAndIPv4ByItsAddress) {
    Senders senders(20, 1);
    use_up(senders, address("2001:db8:1:2::1"), kStart, 20);
    EXPECT_EQ(senders.standing(address("2001:db8:1:2:ffff::9"), kStart), Standing::blocked);
    EXPECT_EQ(senders.standing(address("2001:db8:1:3::1"), kStart), Standing::unknown);
    use_up(senders, address("198.51.100.1"), kStart, 20);
    EXPECT_EQ(senders.standing(address("::ffff:198.51.100.1"), kStart), Standing::blocked);
    EXPECT_EQ(senders.standing(address("198.51.100.2"), kStart), Standing::unknown);
}

TEST(Senders, AReloadForgivesButForgetsNobody) {
    Senders senders(20, 1);
    use_up(senders, address("192.0.2.1"), kStart, 20);
    senders.succeeded(address("192.0.2.2"), kStart);
    senders.forgive();
    EXPECT_EQ(senders.standing(address("192.0.2.1"), kStart), Standing::unknown);
    EXPECT_EQ(senders.standing(address("192.0.2.2"), kStart), Standing::proven);
}

TEST(Senders, NoLimitIsNoLimit) {
    Senders senders(0, 1);
    EXPECT_FALSE(use_up(senders, address("192.0.2.1"), kStart, 1000));
    EXPECT_EQ(senders.standing(address("192.0.2.1"), kStart), Standing::unknown);
}

TEST(Senders, ALimitOfOneWaitsAMinute) {
    Senders senders(1, 1);
    EXPECT_TRUE(senders.failed(address("192.0.2.1"), kStart));
    EXPECT_EQ(senders.standing(address("192.0.2.1"), kStart + 59s), Standing::blocked);
    EXPECT_EQ(senders.standing(address("192.0.2.1"), kStart + 61s), Standing::unknown);
}

TEST(Senders, AFloodOfAddressesPushesOutNoneThatHasProvedItself) {
    Senders senders(20, 7);
    for (int i = 0; i < 100; ++i) senders.succeeded(address("192.0.2." + std::to_string(i)), kStart);
    for (int i = 0; i < 200'000; ++i) {
        const auto octet = [i](int shift) { return std::to_string((i >> shift) & 255); };
        senders.failed(address("10." + octet(16) + "." + octet(8) + "." + octet(0)), kStart + 1s);
    }
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(senders.standing(address("192.0.2." + std::to_string(i)), kStart + 2s), Standing::proven);
}

}  // namespace
}  // namespace hookswitch
