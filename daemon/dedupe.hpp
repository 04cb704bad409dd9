#pragma once

// Recognises a delivery that was already received. The platform sends no event id, so the same
// source with the same body counts as the same delivery; the body is authenticated, so a fast hash
// that nobody can choose collisions for is enough.
//
// Lives in memory. Bounded: beyond kMostEntries deliveries or kMostReplyBytes of kept replies the
// oldest are forgotten before their window ends. Any thread may call; entries are spread over
// stripes with a mutex each, held for a few instructions.

#include "daemon/core/result.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hookswitch {

struct DeliveryKey {
    std::uint64_t low = 0, high = 0;
    bool operator==(const DeliveryKey&) const = default;
};

/// `timestamp` is empty unless the body has no time of its own.
DeliveryKey delivery_key(std::string_view source, std::string_view body, std::string_view timestamp);

class Dedupe {
public:
    using Clock = std::chrono::steady_clock;
    using Reply = std::shared_ptr<const std::string>;  // null: the acknowledgement
    using Waiter = std::function<void(Reply)>;         // called on the thread that settles

    static constexpr std::size_t kMostEntries = std::size_t{1} << 20;
    static constexpr std::size_t kMostReplyBytes = std::size_t{64} << 20;

    Dedupe();
    ~Dedupe();

    enum class Claim {
        first,     // ours to handle; settle() must follow
        answered,  // `reply` is what was answered
        in_work,   // `waiter` will be called with the answer
    };
    struct Claimed {
        Claim claim;
        Reply reply;
    };

    /// Claims a delivery. `waiter`, which may be empty, is kept only for Claim::in_work.
    Claimed claim(const DeliveryKey& key, Clock::time_point now, std::chrono::milliseconds window,
                  const Waiter& waiter);

    /// The delivery was answered; those who waited hear it too.
    void settle(const DeliveryKey& key, Reply reply);

private:
    struct Stripe;
    static constexpr std::size_t kStripes = 16;

    Stripe& stripe_of(const DeliveryKey& key) { return *stripes_[key.high % kStripes]; }

    std::array<std::unique_ptr<Stripe>, kStripes> stripes_;
};

}  // namespace hookswitch
