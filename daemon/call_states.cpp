#include "daemon/call_states.hpp"

#include "daemon/core/search_index.hpp"

namespace hookswitch {
namespace {

constexpr std::uint64_t kStateBits = 7;

CallState state_in(std::uint64_t place, std::uint64_t hash) {
    const bool ours = (place | kStateBits) == (hash | kStateBits);
    return ours ? static_cast<CallState>(place & kStateBits) : CallState::unknown;
}

}  // namespace

CallProgress CallStates::advance(std::string_view call, std::string_view type, std::string_view status) {
    if (call.empty()) return {};
    const std::uint64_t hash = search_hash(SearchKey::call, call);
    std::atomic<std::uint64_t>& place = places_[hash / (UINT64_MAX / kPlaces + 1)];
    std::uint64_t before = place.load(std::memory_order_relaxed);
    for (;;) {
        const CallProgress progress = hookswitch::advance(state_in(before, hash), type, status);
        const std::uint64_t after = (hash & ~kStateBits) | static_cast<std::uint64_t>(progress.state);
        if (place.compare_exchange_weak(before, after, std::memory_order_relaxed)) return progress;
    }
}

}  // namespace hookswitch
