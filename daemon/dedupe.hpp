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
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

struct DeliveryKey {
    std::uint64_t low = 0, high = 0;
    bool operator==(const DeliveryKey&) const = default;
};

/// The key as 16 bytes, which live as long as it does; and back.
inline std::string_view bytes_of(const DeliveryKey& key) {
    return {reinterpret_cast<const char*>(&key), sizeof key};
}
std::optional<DeliveryKey> delivery_key_of(std::string_view bytes);

/// `timestamp` is empty unless the body has no time of its own.
DeliveryKey delivery_key(std::string_view source, std::string_view body, std::string_view timestamp);

class Dedupe {
public:
    using Clock = std::chrono::steady_clock;
    using Reply = std::shared_ptr<const std::string>;  // null: the acknowledgement
    /// Called on the thread that settles; nullopt: the first one was refused after all.
    using Waiter = std::function<void(std::optional<Reply>)>;

    static constexpr std::size_t kMostEntries = std::size_t{1} << 20;
    static constexpr std::size_t kMostReplyBytes = std::size_t{64} << 20;

    Dedupe();
    ~Dedupe();

    enum class Claim {
        first,     // ours to handle; settle() or forget() must follow
        answered,  // `reply` is what was answered
        in_work,   // `waiter` will be called with the answer
    };
    struct Claimed {
        Claim claim;
        Reply reply;
    };

    /// Claims a delivery. `waiter` is asked for one only for Claim::in_work: most deliveries are the
    /// first.
    Claimed claim(const DeliveryKey& key, Clock::time_point now, std::chrono::milliseconds window,
                  const std::function<Waiter()>& waiter);

    /// The delivery was answered; those who waited hear it too.
    void settle(const DeliveryKey& key, Reply reply);

    /// The delivery was refused: when it comes again it is the first.
    void forget(const DeliveryKey& key);

    /// One that was answered before a restart; oldest first.
    void restore(const DeliveryKey& key, Clock::time_point expires, Reply reply);

private:
    struct Stripe;
    static constexpr std::size_t kStripes = 16;

    void end(const DeliveryKey& key, std::optional<Reply> reply);
    Stripe& stripe_of(const DeliveryKey& key) { return *stripes_[key.high % kStripes]; }

    std::array<std::unique_ptr<Stripe>, kStripes> stripes_;
};

}  // namespace hookswitch
