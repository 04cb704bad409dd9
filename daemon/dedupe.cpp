#include "daemon/dedupe.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

namespace hookswitch {
namespace {

struct HashKey {
    using is_avalanching = void;  // the key is a hash already
    std::size_t operator()(const DeliveryKey& key) const noexcept { return key.low; }
};

}  // namespace

DeliveryKey delivery_key(std::string_view source, std::string_view body, std::string_view timestamp) {
    const auto seed =
        XXH3_64bits_withSeed(timestamp.data(), timestamp.size(), XXH3_64bits(source.data(), source.size()));
    const auto hash = XXH3_128bits_withSeed(body.data(), body.size(), seed);
    return {hash.low64, hash.high64};
}

std::optional<DeliveryKey> delivery_key_of(std::string_view bytes) {
    DeliveryKey key;
    if (bytes.size() != sizeof key) return std::nullopt;
    std::memcpy(&key, bytes.data(), sizeof key);
    return key;
}

// An entry is in work while `waiters` is set. Most entries are acknowledgements without a reply, so
// the rare parts sit behind pointers.
struct Dedupe::Stripe {
    struct Entry {
        Clock::time_point expires;
        std::unique_ptr<std::vector<Waiter>> waiters;
        Reply reply;
    };

    std::mutex mutex;
    boost::unordered_flat_map<DeliveryKey, Entry, HashKey> entries;
    std::deque<std::pair<DeliveryKey, Clock::time_point>> by_age;  // may name entries forgotten since
    std::size_t reply_bytes = 0;

    // Amortised: every claim adds one to by_age, so taking up to two keeps it from growing.
    void expire(Clock::time_point now) {
        for (int i = 0; i < 2 && !by_age.empty(); ++i) {
            const auto& [key, expires] = by_age.front();
            if (expires > now && entries.size() < kMostEntries / kStripes &&
                reply_bytes < kMostReplyBytes / kStripes)
                return;
            const auto it = entries.find(key);
            if (it != entries.end() && it->second.expires == expires) {
                if (it->second.waiters) return;  // in work: those behind it can wait for their turn
                remove(it);
            }
            by_age.pop_front();
        }
    }

    void remove(decltype(entries)::iterator it) {
        if (it->second.reply) reply_bytes -= it->second.reply->size();
        entries.erase(it);
    }
};

Dedupe::Dedupe() {
    for (auto& stripe : stripes_) stripe = std::make_unique<Stripe>();
}

Dedupe::~Dedupe() = default;

Dedupe::Claimed Dedupe::claim(const DeliveryKey& key, Clock::time_point now, std::chrono::milliseconds window,
                              const std::function<Waiter()>& waiter) {
    if (window.count() == 0) return {Claim::first, {}};
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    stripe.expire(now);
    const auto [it, added] = stripe.entries.try_emplace(key);
    Stripe::Entry& entry = it->second;
    if (!added && entry.waiters) {
        entry.waiters->push_back(waiter());
        return {Claim::in_work, {}};
    }
    if (!added && entry.expires > now) return {Claim::answered, entry.reply};
    if (entry.reply) stripe.reply_bytes -= entry.reply->size();
    entry = {now + window, std::make_unique<std::vector<Waiter>>(), {}};
    stripe.by_age.emplace_back(key, entry.expires);
    return {Claim::first, {}};
}

void Dedupe::settle(const DeliveryKey& key, Reply reply) { end(key, std::move(reply)); }

void Dedupe::forget(const DeliveryKey& key) { end(key, std::nullopt); }

void Dedupe::end(const DeliveryKey& key, std::optional<Reply> reply) {
    std::unique_ptr<std::vector<Waiter>> waiters;
    {
        Stripe& stripe = stripe_of(key);
        const std::lock_guard lock(stripe.mutex);
        const auto it = stripe.entries.find(key);
        if (it == stripe.entries.end()) return;
        waiters = std::move(it->second.waiters);
        if (!reply) {
            stripe.entries.erase(it);
        } else {
            if (*reply) stripe.reply_bytes += (*reply)->size();
            it->second.reply = *reply;
        }
    }
    if (!waiters) return;
    for (const Waiter& waiter : *waiters) waiter(reply);
}

void Dedupe::restore(const DeliveryKey& key, Clock::time_point expires, Reply reply) {
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    const std::size_t size = reply ? reply->size() : 0;
    if (!stripe.entries.try_emplace(key, Stripe::Entry{expires, nullptr, std::move(reply)}).second) return;
    stripe.reply_bytes += size;
    stripe.by_age.emplace_back(key, expires);
}

}  // namespace hookswitch
