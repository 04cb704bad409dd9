#include "daemon/dedupe.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using Claim = Dedupe::Claim;

struct DedupeTest : testing::Test {
    Dedupe::Claimed claim(const DeliveryKey& delivery, std::chrono::milliseconds at = 0ms) {
        const auto hear = [this](const std::optional<Dedupe::Reply>& reply) {
            heard.push_back(reply ? **reply : "refused");
        };
        return dedupe.claim(delivery, start + at, 1000ms, [&hear]() -> Dedupe::Waiter { return hear; });
    }
    static Dedupe::Reply reply(const char* text) { return std::make_shared<const std::string>(text); }

    Dedupe dedupe;
    std::vector<std::string> heard;
    const Dedupe::Clock::time_point start = Dedupe::Clock::now();
    const DeliveryKey key = delivery_key("main", "{}", "");
};

TEST_F(DedupeTest, TheSecondCopyGetsTheFirstAnswer) {
    EXPECT_EQ(claim(key).claim, Claim::first);
    dedupe.settle(key, reply("a"));
    const auto second = claim(key, 999ms);
    EXPECT_EQ(second.claim, Claim::answered);
    EXPECT_EQ(*second.reply, "a");
}

TEST_F(DedupeTest, ACopyOfARefusedOneIsTheFirstAgain) {
    EXPECT_EQ(claim(key).claim, Claim::first);
    EXPECT_EQ(claim(key).claim, Claim::in_work);
    dedupe.forget(key);
    EXPECT_EQ(heard, std::vector<std::string>{"refused"});
    EXPECT_EQ(claim(key).claim, Claim::first);
}

TEST_F(DedupeTest, RemembersWhatWasAnsweredBeforeARestart) {
    dedupe.restore(key, start + 500ms, reply("a"));
    EXPECT_EQ(*claim(key, 499ms).reply, "a");
    EXPECT_EQ(claim(key, 500ms).claim, Claim::first);
    EXPECT_EQ(delivery_key_of(bytes_of(key)), key);
    EXPECT_EQ(delivery_key_of("short"), std::nullopt);
}

TEST_F(DedupeTest, ACopyWhileTheFirstIsInWorkWaitsForItsAnswer) {
    EXPECT_EQ(claim(key).claim, Claim::first);
    EXPECT_EQ(claim(key).claim, Claim::in_work);
    EXPECT_EQ(claim(key).claim, Claim::in_work);
    dedupe.settle(key, reply("a"));
    EXPECT_EQ(heard, (std::vector<std::string>{"a", "a"}));
}

TEST_F(DedupeTest, ADeliveryIsForgottenAfterTheWindow) {
    EXPECT_EQ(claim(key).claim, Claim::first);
    dedupe.settle(key, reply("a"));
    EXPECT_EQ(claim(key, 1000ms).claim, Claim::first);
    dedupe.settle(key, nullptr);
    const auto acknowledged = claim(key, 1001ms);
    EXPECT_EQ(acknowledged.claim, Claim::answered);
    EXPECT_EQ(acknowledged.reply, nullptr);
}

TEST_F(DedupeTest, AWindowOfZeroIsOff) {
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(dedupe.claim(key, start, 0ms, {}).claim, Claim::first);
        dedupe.settle(key, reply("a"));
    }
}

TEST_F(DedupeTest, SourceBodyAndTimestampTellDeliveriesApart) {
    const DeliveryKey keys[] = {key, delivery_key("other", "{}", ""), delivery_key("main", "[]", ""),
                                delivery_key("main", "{}", "1700000000"),
                                delivery_key("main", "{}", "1700000001")};
    for (const auto& k : keys) EXPECT_EQ(claim(k).claim, Claim::first);
}

TEST_F(DedupeTest, IsBoundedInNumber) {
    std::size_t remembered = 0;
    const std::size_t most = Dedupe::kMostEntries;
    for (std::size_t i = 0; i < most * 5 / 4; ++i) {
        const DeliveryKey k{i * 0x9e3779b97f4a7c15, i};
        ASSERT_EQ(dedupe.claim(k, start, 1h, {}).claim, Claim::first);
        dedupe.settle(k, nullptr);
    }
    for (std::size_t i = 0; i < most * 5 / 4; i += 1000) {
        const DeliveryKey k{i * 0x9e3779b97f4a7c15, i};
        remembered += dedupe.claim(k, start, 1h, {}).claim == Claim::answered;
    }
    EXPECT_LE(remembered, most / 1000 + 16);
    EXPECT_GE(remembered, most / 1000 * 3 / 4);
}

TEST_F(DedupeTest, IsBoundedInTheBytesOfReplies) {
    const auto large = std::make_shared<const std::string>(std::size_t{1} << 20, 'x');
    for (std::size_t i = 0; i < 256; ++i) {
        const DeliveryKey k{i * 0x9e3779b97f4a7c15, i};
        ASSERT_EQ(dedupe.claim(k, start, 1h, {}).claim, Claim::first);
        dedupe.settle(k, std::make_shared<const std::string>(*large));
    }
    std::size_t remembered = 0;
    for (std::size_t i = 0; i < 256; ++i)
        remembered += dedupe.claim({i * 0x9e3779b97f4a7c15, i}, start, 1h, {}).claim == Claim::answered;
    EXPECT_LE(remembered, 256u - 64u);
}

}  // namespace
}  // namespace hookswitch
