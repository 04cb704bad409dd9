#pragma once

// What the daemon counts about itself, for /metrics. Plain atomic numbers: counting is a relaxed add
// from any thread, without a lock or a clock; only metrics_text() puts names to them.
//
// One Metrics for the process. It outlives reloads, and so do the numbers of a source or handler,
// by its name. Look them up when a configuration is taken into use, and keep the reference.

#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace hookswitch {

enum class EventKind;

/// Only goes up.
class Counter {
public:
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down.
class Gauge {
public:
    void set(std::integral auto to) noexcept {
        value_.store(static_cast<std::int64_t>(to), std::memory_order_relaxed);
    }
    void add(std::int64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> value_{0};
};

/// How often a value was at most each of some bounds. `Bounds` is a constexpr std::array of double.
template <const auto& Bounds>
class Histogram {
public:
    static constexpr const auto& kBounds = Bounds;

    /// What is negative counts as 0.
    void observe(double value) noexcept {
        std::size_t at = 0;
        while (at < Bounds.size() && value > Bounds[at]) ++at;
        counts_[at].fetch_add(1, std::memory_order_relaxed);
        if (value > 0)
            millionths_.fetch_add(static_cast<std::uint64_t>(value * 1e6), std::memory_order_relaxed);
    }
    template <class Rep, class Period>
    void observe(std::chrono::duration<Rep, Period> time) noexcept {
        observe(std::chrono::duration<double>(time).count());
    }

    /// Of values over the bound before and at most this; [Bounds.size()]: over the last.
    std::uint64_t count(std::size_t bucket) const noexcept {
        return counts_[bucket].load(std::memory_order_relaxed);
    }
    double sum() const noexcept {
        return static_cast<double>(millionths_.load(std::memory_order_relaxed)) / 1e6;
    }

private:
    std::array<std::atomic<std::uint64_t>, std::tuple_size_v<std::remove_cvref_t<decltype(Bounds)>> + 1>
        counts_{};
    std::atomic<std::uint64_t> millionths_{0};  // an integer: adding to a double is a loop
};

namespace metric_bounds {
inline constexpr std::array kAnswerSeconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                           0.25,   0.5,   1.,     2.5,   4.5,  5.,    9.5,  10.};
inline constexpr std::array kHeadroomSeconds{0.,  0.1, 0.25, 0.5, 1., 2., 3.,  4.,
                                             4.5, 5.,  6.,   7.,  8., 9., 9.5, 10.};
inline constexpr std::array kDeliverySeconds{0.001, 0.005, 0.01, 0.05, 0.1,  0.5,   1.,    5.,
                                             10.,   30.,   60.,  300., 900., 3600., 21600.};
inline constexpr std::array kDiskSeconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                         0.025,  0.05,    0.1,    0.25,  0.5,    1.,    2.5};
inline constexpr std::array kBatchEvents{1., 2., 4., 8., 16., 32., 64., 128., 256., 512., 1024.};
}  // namespace metric_bounds

using AnswerHistogram = Histogram<metric_bounds::kAnswerSeconds>;
using HeadroomHistogram = Histogram<metric_bounds::kHeadroomSeconds>;
using DeliveryHistogram = Histogram<metric_bounds::kDeliverySeconds>;
using DiskHistogram = Histogram<metric_bounds::kDiskSeconds>;
using BatchHistogram = Histogram<metric_bounds::kBatchEvents>;

/// One T per kind of event, and one for requests that did not show what they were.
template <class T>
class ByEvent {
public:
    static constexpr std::size_t kSize = 6;
    T& operator[](std::optional<EventKind> kind) noexcept { return each_[index(kind)]; }
    T& operator[](EventKind kind) noexcept { return each_[static_cast<std::size_t>(kind) + 1]; }
    const T& at_index(std::size_t i) const noexcept { return each_[i]; }  // 0: unknown

private:
    static std::size_t index(std::optional<EventKind> kind) {
        return kind ? static_cast<std::size_t>(*kind) + 1 : 0;
    }
    std::array<T, kSize> each_;
};

/// Requests by the status that they were answered with.
class ByStatus {
public:
    static constexpr std::array<int, 10> kStatuses{200, 400, 401, 404, 405, 408, 413, 431, 503, 500};
    /// Any other than these counts as 500.
    Counter& operator[](int status) noexcept {
        std::size_t i = 0;
        while (i + 1 < kStatuses.size() && kStatuses[i] != status) ++i;
        return each_[i];
    }
    const Counter& at_index(std::size_t i) const noexcept { return each_[i]; }

private:
    std::array<Counter, kStatuses.size()> each_;
};

/// One T for each name that was ever asked for; none is moved or goes away. A list that is only added
/// to, so that neither look-up nor reading needs a lock.
template <class T>
class NamedMetrics {
public:
    NamedMetrics() = default;
    NamedMetrics(const NamedMetrics&) = delete;
    NamedMetrics& operator=(const NamedMetrics&) = delete;
    ~NamedMetrics() {
        for (Node* node = newest_.load(); node;) delete std::exchange(node, node->older);
    }

    T& operator[](std::string_view name) {
        std::unique_ptr<Node> added;
        for (;;) {
            Node* const newest = newest_.load(std::memory_order_acquire);
            for (Node* node = newest; node; node = node->older)
                if (node->name == name) return node->metrics;
            if (!added) added = std::make_unique<Node>(std::string(name));
            added->older = newest;
            Node* expected = newest;  // changed meanwhile: it may be this name that came
            if (newest_.compare_exchange_weak(expected, added.get(), std::memory_order_acq_rel))
                return added.release()->metrics;
        }
    }

    /// `f(name, metrics)` for each.
    template <class F>
    void for_each(F f) const {
        for (const Node* node = newest_.load(std::memory_order_acquire); node; node = node->older)
            f(std::string_view(node->name), node->metrics);
    }

private:
    struct Node {
        explicit Node(std::string n) : name(std::move(n)) {}
        const std::string name;
        T metrics;
        Node* older = nullptr;
    };
    std::atomic<Node*> newest_{nullptr};
};

/// One [[source]]; the one named "" has the requests that came to none.
struct SourceMetrics {
    ByEvent<ByStatus> requests;  // answered, refusals too
    ByEvent<Counter> duplicates;
    Counter rejected_signatures;
    Counter limited_signatures;         // of these, without a look: too many failed before
    NamedMetrics<Counter> secret_used;  // by the name of the secret that a signature held with
};

enum class AttemptOutcome { delivered, failed, dead };  // failed: it will be tried again

/// One [[handler]]; the one named "" has the answers that none was asked for.
struct HandlerMetrics {
    // Waited-for events; each tool call for itself.
    ByEvent<AnswerHistogram> answer_seconds;      // from the request's first byte
    ByEvent<HeadroomHistogram> headroom_seconds;  // from the answer to when the platform gives up
    ByEvent<Counter> fallbacks, built_in;
    ByEvent<Counter> failures, missed_deadlines;  // the latter are failures too
    Counter late;                                 // answers after their deadline

    // Told-only events.
    Gauge backlog;                       // accepted, and neither delivered nor dead
    Gauge in_work;                       // of these, being handled now
    Gauge oldest_at_ms;                  // of these, when the oldest was received, since the epoch; 0: none
    std::array<Counter, 3> attempts;     // by AttemptOutcome; dead is what was given up
    DeliveryHistogram attempt_seconds;   // one attempt
    DeliveryHistogram delivery_seconds;  // from receipt to delivery
    Counter redeliveries;                // asked for by an operator

    Counter& attempt(AttemptOutcome outcome) { return attempts[static_cast<std::size_t>(outcome)]; }

    Counter invalid_actions;  // call-control commands that were none

    // Worker processes; none of another type of handler.
    Gauge workers_configured, workers_up;
    Counter worker_restarts;

    // Of exec, http and plugin: work that may go on at once, that does, and that waits for it.
    Gauge slots, slots_busy, queued;
    Counter refused;  // both were full
    Counter cut_off;  // work that was ended, or left to itself, at its deadline

    // Of http: while open, the service is not asked.
    Gauge circuit_open;
    Counter circuit_opened;
};

enum class JournalFailure { full, read_only, locked, io, corrupted, other };

struct JournalMetrics {
    /// By reason.
    class Failures {
    public:
        static constexpr std::size_t kSize = 6;
        void add(JournalFailure why = JournalFailure::other) { each_[static_cast<std::size_t>(why)].add(); }
        const Counter& at_index(std::size_t i) const noexcept { return each_[i]; }

    private:
        std::array<Counter, kSize> each_;
    };

    Gauge enabled;  // 0: sync = "off"
    Gauge up;       // 1: it takes events
    Gauge queued_events, queued_bytes;
    Counter commits, events, bytes;
    BatchHistogram batch_events;  // of one commit
    DiskHistogram commit_seconds;
    Failures failures;
    Counter refused;       // events that it could not take
    Counter lost_records;  // of these, waited-for ones, which were answered all the same
    Gauge file_bytes, wal_bytes;
    Counter checkpoints;
    DiskHistogram checkpoint_seconds;
};

/// What became of a call-control command.
enum class ActionOutcome {
    sent,     // the platform took it
    refused,  // it did not
    failed,   // no answer came: it may have been carried out
    expired,  // not sent within its time to live
    dropped,  // never sent: too many were queued, or the call had ended
};

struct ActionMetrics {
    static constexpr std::size_t kTypes = 4;  // CallCommand::Type
    static constexpr std::size_t kOutcomes = 5;
    std::array<std::array<Counter, kOutcomes>, kTypes> ended;
    Gauge pending;            // queued or in flight
    Counter rate_limited;     // 429s
    AnswerHistogram seconds;  // of those sent, from when they were asked for
};

struct ConnectionMetrics {
    Gauge open;
    Counter accepted;
    Counter refused;   // over server.max_connections
    Counter evicted;   // closed to make room: nothing signed had come on them
    Gauge body_bytes;  // memory of large bodies on their way
};

struct ReloadMetrics {
    Counter succeeded, failed;
    Gauge last_succeeded;  // 0 or 1; the start counts
    Gauge last_success_at_ms;
};

/// Calls that are known of.
struct CallMetrics {
    std::array<Gauge, 5> by_state;             // by CallState
    Counter forgotten_full, forgotten_silent;  // before they had ended
    Counter without_report;                    // had ended ten minutes ago, and no report has come
};

class Metrics {
public:
    /// The numbers of this source or handler; valid as long as this object. Any thread may ask.
    SourceMetrics& source(std::string_view name) { return sources_[name]; }
    HandlerMetrics& handler(std::string_view name) { return handlers_[name]; }

    JournalMetrics journal;
    ConnectionMetrics connections;
    ReloadMetrics reloads;
    ActionMetrics actions;
    CallMetrics calls;
    Counter out_of_order;  // events that would have moved a call's state back
    Gauge started_at_ms;

private:
    friend class MetricsText;

    NamedMetrics<SourceMetrics> sources_;
    NamedMetrics<HandlerMetrics> handlers_;
};

/// All of it in Prometheus' text format, version 0.0.4. `now` is for ages.
std::string metrics_text(const Metrics& metrics, std::chrono::system_clock::time_point now);

}  // namespace hookswitch
