#pragma once

// The calls that events have told of: how far each has come, who talks to whom, since when. Fed by every
// event, on every shard; asked by the admin listener and by whoever wants to act on a call. Nothing is
// held back or dropped because of it: an event that comes late is only noticed (core/call_state.hpp).
//
// In memory, and read back from the journal at a start. Bounded: a call that has ended is forgotten ten
// minutes later, one that nothing is heard of after four hours, and when there are too many, the one
// that ended first goes, or else the one that was heard of least recently.
//
// Any thread. Calls are spread over stripes with a mutex each, held for one look-up; list() and expire()
// hold one stripe's at a time. For a call that is known an event allocates nothing, unless it brings a
// number or name that was not known.

#include "daemon/call_entry.hpp"
#include "daemon/core/event.hpp"
#include "daemon/core/metrics.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// Nothing lasts longer on this platform; who was silent for so long has gone unnoticed.
inline constexpr std::chrono::hours kLongestCall{4};

/// What an event says of its call. Borrows the event.
struct CallEvent {
    std::string_view call, type, status;
    std::string_view source, direction, caller, called, called_name, pipeline;  // empty: not known
    std::optional<simdjson::dom::element> assistant;
    std::uint32_t tool_calls = 0;
    Milliseconds at;  // received
};

CallEvent call_event(const Event& event, std::string_view source, Milliseconds at);

/// A call at one moment. Empty: not known.
struct CallSnapshot {
    std::string id, status, direction, caller, called, called_name, source, pipeline, last_type;
    CallState state = CallState::unknown;
    std::optional<bool> realtime;  // a speech-to-speech model
    std::uint32_t tool_calls = 0;
    Milliseconds started_at, updated_at;  // first and last event
    std::optional<Milliseconds> ended_at;

    bool live() const { return state < CallState::ended; }
};

/// nullopt: any.
struct CallFilter {
    std::optional<std::string> status{}, direction{}, caller{}, called{};
    bool live_only = true;
    std::size_t limit = 100;
};

struct CallLimits {
    std::size_t most = 1'000'000;
    std::chrono::milliseconds keep_ended = std::chrono::minutes(10);
    std::chrono::milliseconds longest_silence = kLongestCall;
    std::size_t stripes = 256;
    Milliseconds since{};  // what had to be forgotten before is not counted: the run before did so
};

class CallRegistry {
public:
    /// `metrics` must outlive it.
    explicit CallRegistry(CallMetrics& metrics, const CallLimits& limits = {});
    ~CallRegistry();

    /// What an event makes of its call. An event of no call, or of one with an absurdly long id, has none.
    CallProgress follow(const CallEvent& event);

    /// The same for an event of the past, older than all that is known of its call. There is room for it
    /// only if there is.
    void restore(const CallEvent& event);

    /// Whether restore() could learn more of this call from the whole event than from its row.
    bool wants_whole(std::string_view call) const;

    /// Forgets whose time has come. follow() does so too, but only where it looks anyway.
    void expire(Milliseconds now);

    std::optional<CallSnapshot> find(std::string_view call) const;

    /// Whether it is a speech-to-speech model; nullopt: not known.
    std::optional<bool> realtime(std::string_view call) const;

    /// The newest first, by their start. Reads all: not for a thread that calls wait for.
    std::vector<CallSnapshot> list(const CallFilter& filter) const;

    std::size_t size() const { return size_.load(std::memory_order_relaxed); }

private:
    struct Stripe;
    struct Key;
    enum class Order { newer, older };

    Stripe& stripe_of(const Key& key) const;
    CallEntry& add(Stripe& stripe, const CallEvent& event, Order order);
    void move(Stripe& stripe, CallEntry& entry, CallState to, Order order);
    void take(CallEntry& entry, const CallEvent& event);
    void take_status(CallEntry& entry, std::string_view status, bool newer);
    CallEntry& learn(Stripe& stripe, CallEntry& entry, const CallEvent& event);
    void make_room(Stripe& stripe);
    void expire(Stripe& stripe, Milliseconds now, std::size_t most);
    void forget(Stripe& stripe, CallEntry& entry);
    void count_if_unreported(const CallEntry& entry, Milliseconds due);
    bool matches(const CallEntry& entry, const CallFilter& filter) const;
    CallSnapshot snapshot(const CallEntry& entry) const;
    Gauge& count(CallState state) { return metrics_.by_state[static_cast<std::size_t>(state)]; }

    CallMetrics& metrics_;
    const CallLimits limits_;
    std::atomic<std::size_t> size_{0};
    SharedTexts types_, statuses_, directions_, pipelines_, sources_;
    std::vector<std::unique_ptr<Stripe>> stripes_;
};

}  // namespace hookswitch
