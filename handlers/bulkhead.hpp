#pragma once

// What keeps a slow handler from being everybody's problem: how many events it works at, at once, and how
// many wait for that, is bounded, and who comes when both are full is refused at once. Waited-for events go
// before told-only ones, which leave one slot alone. An event that has waited until its deadline was never
// begun.
//
// A slot is held until the work is over, also long after the deadline: what hangs must not be joined by
// more of its kind. Cutting work off at its deadline is the handler's own business.

#include "daemon/core/metrics.hpp"
#include "handlers/worker_ledger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace hookswitch {

struct BulkheadSettings {
    std::size_t concurrency = 16;  // events in work at once
    std::size_t queue = 100;       // events waiting for that, waited-for and told-only counted apart

    bool operator==(const BulkheadSettings&) const = default;
};

/// Lives on `home`, one thread's executor, and is called there only, but for told_only_slots().
class Bulkhead : public std::enable_shared_from_this<Bulkhead> {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// Starts the work at one event. `invocation` stays where it is until finished() is called with its id,
    /// which may be at once. `left` is what is left until its deadline, never nothing.
    using Begin = std::function<void(const Invocation& invocation, std::chrono::milliseconds left)>;

    /// `metrics` outlives it.
    static std::shared_ptr<Bulkhead> make(BulkheadSettings settings, boost::asio::any_io_executor home,
                                          HandlerMetrics& metrics, Begin begin);

    Bulkhead(BulkheadSettings settings, boost::asio::any_io_executor home, HandlerMetrics& metrics,
             Begin begin);
    ~Bulkhead();

    /// Errc::overloaded when both are full or it is stopping, Errc::in_work when an earlier attempt at the
    /// event goes on, Errc::deadline_exceeded (told-only: Errc::overloaded, for it can be offered again) when
    /// it was not its turn before its deadline.
    void accept(Invocation invocation, Answer answer);

    /// Gives the answer to an event in work, and its slot to the next. An unknown id is ignored.
    void finished(std::string_view id, Result<Outcome> outcome);

    /// Gives the answer, and keeps the slot until release(): the work cannot be cut off. After it,
    /// finished() does both.
    void answer_early(std::string_view id, Result<Outcome> outcome);

    std::size_t told_only_slots() const;  ///< any thread
    std::size_t in_work() const { return ledger_.at(0); }

    /// Takes nothing new. At `until` what waits is refused and `cut_off` is called, which has to lead to
    /// finished() for all in work. `done` is called, not from within, when nothing is left.
    void stop(Time until, std::function<void()> cut_off, std::function<void()> done);

private:
    using Entry = WorkerLedger::Entry;

    void pump();
    void settle(Entry& entry, Result<Outcome> outcome);
    void watch_deadlines();
    void on_deadlines();
    void close();
    void tell_if_stopped();
    void count();

    BulkheadSettings settings_;
    boost::asio::any_io_executor home_;
    HandlerMetrics& metrics_;
    Begin begin_;
    WorkerLedger ledger_{1};  // all slots are one worker's
    bool pumping_ = false;
    boost::asio::steady_timer deadline_timer_, stop_timer_;
    std::optional<Time> deadline_watched_;
    std::function<void()> cut_off_;
    std::vector<std::function<void()>> stopped_;
    bool stopping_ = false;
    std::int64_t counted_busy_ = 0, counted_queued_ = 0;  // its share of the metrics
};

}  // namespace hookswitch
