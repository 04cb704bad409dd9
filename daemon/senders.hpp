#pragma once

// What each client address has shown of itself: that it holds a secret, or that it guesses. One that has
// used up its failed signatures is refused by its head alone, so that a flood of bodies with wrong ones
// costs next to nothing; one that has proved itself is never refused, whoever else sends from there.
//
// A budget refills all the time, so an address whose secret has been put right is heard again within
// seconds and then at once. IPv6 addresses count by their /64, which is what one customer has.
//
// Bounded: 8,192 addresses in 256 KiB; when its place is taken, the longest unheard of is forgotten, and
// before one that has proved itself, all that have not. Any thread may call; a mutex is held for one
// look-up.

#include "daemon/core/address.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace hookswitch {

class Senders {
public:
    using Time = std::chrono::steady_clock::time_point;

    static constexpr std::chrono::seconds kProvenFor{3600};  // after the last signature that held

    enum class Standing { unknown, proven, blocked };

    /// `seed` is not known to strangers, who could choose addresses that displace one another.
    Senders(std::size_t failures_a_minute, std::uint64_t seed);

    Standing standing(const Address& address, Time now);

    void succeeded(const Address& address, Time now);

    /// True: with this one it is blocked.
    bool failed(const Address& address, Time now);

    /// Gives every budget back: what failed may hold with the secrets of a new configuration.
    void forgive();

private:
    static constexpr std::size_t kSets = 1024, kWays = 8, kMutexes = 16;
    struct Sender {
        Address network;
        std::int64_t heard_ms = 0;       // of `Time`; 0: nobody is here
        float failures = 0;              // at heard_ms
        std::uint32_t proven_until = 0;  // seconds of `Time`
    };
    using Set = std::array<Sender, kWays>;

    template <class F>
    auto at(const Address& address, F f);
    Sender* find(Set& set, const Address& network) const;
    Sender& claim(Set& set, const Address& network, Time now) const;
    float failures_left_behind(const Sender& sender, Time now) const;

    const float most_;  // 0: no limit
    const std::uint64_t seed_;
    std::unique_ptr<std::array<Set, kSets>> sets_;
    std::array<std::mutex, kMutexes> mutexes_;  // set i's is i % kMutexes
};

}  // namespace hookswitch
