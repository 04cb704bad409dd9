#include "daemon/senders.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace hookswitch {
namespace {

std::int64_t milliseconds_of(Senders::Time time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::uint32_t seconds_of(Senders::Time time) {
    return static_cast<std::uint32_t>(milliseconds_of(time) / 1000);
}

Address network_of(const Address& address) {
    static const Network v4 = *Network::parse("::ffff:0.0.0.0/96");
    Address network = address;
    if (!v4.contains(address)) std::fill(network.bytes.begin() + 8, network.bytes.end(), std::uint8_t{0});
    return network;
}

}  // namespace

Senders::Senders(std::size_t failures_a_minute, std::uint64_t seed)
    : most_(static_cast<float>(failures_a_minute)),
      seed_(seed),
      sets_(std::make_unique<std::array<Set, kSets>>()) {}

template <class F>
auto Senders::at(const Address& address, F f) {
    const Address network = network_of(address);
    const auto hash = XXH3_64bits_withSeed(network.bytes.data(), network.bytes.size(), seed_);
    const std::size_t i = hash % kSets;
    const std::lock_guard lock(mutexes_[i % kMutexes]);
    return f((*sets_)[i], network);
}

Senders::Sender* Senders::find(Set& set, const Address& network) const {
    const auto found = std::ranges::find_if(
        set, [&](const Sender& sender) { return sender.heard_ms != 0 && sender.network == network; });
    return found == set.end() ? nullptr : &*found;
}

Senders::Sender& Senders::claim(Set& set, const Address& network, Time now) const {
    Sender* sender = find(set, network);
    if (!sender) {
        const auto worth = [now = seconds_of(now)](const Sender& s) {
            return std::pair(s.proven_until > now, s.heard_ms);
        };
        sender = &*std::ranges::min_element(set, std::less{}, worth);
        *sender = {network, 0, 0, 0};
    }
    sender->failures = failures_left_behind(*sender, now);
    sender->heard_ms = milliseconds_of(now);
    return *sender;
}

float Senders::failures_left_behind(const Sender& sender, Time now) const {
    const auto past = static_cast<float>(milliseconds_of(now) - sender.heard_ms);
    return std::max(0.f, sender.failures - past * most_ / 60'000.f);
}

Senders::Standing Senders::standing(const Address& address, Time now) {
    return at(address, [&](Set& set, const Address& network) {
        const Sender* sender = find(set, network);
        if (!sender) return Standing::unknown;
        if (sender->proven_until > seconds_of(now)) return Standing::proven;
        // The last of the budget is given back whole: one try each time that one has been earned.
        const bool used_up = most_ > 0 && failures_left_behind(*sender, now) > most_ - 1;
        return used_up ? Standing::blocked : Standing::unknown;
    });
}

void Senders::succeeded(const Address& address, Time now) {
    at(address, [&](Set& set, const Address& network) {
        claim(set, network, now).proven_until = seconds_of(now + kProvenFor);
    });
}

bool Senders::failed(const Address& address, Time now) {
    return at(address, [&](Set& set, const Address& network) {
        Sender& sender = claim(set, network, now);
        const bool was_blocked = sender.failures > most_ - 1;
        sender.failures = std::min(most_, sender.failures + 1);
        return most_ > 0 && !was_blocked && sender.failures > most_ - 1 &&
               sender.proven_until <= seconds_of(now);
    });
}

void Senders::forgive() {
    for (std::size_t i = 0; i < kSets; ++i) {
        const std::lock_guard lock(mutexes_[i % kMutexes]);
        for (Sender& sender : (*sets_)[i]) sender.failures = 0;
    }
}

}  // namespace hookswitch
