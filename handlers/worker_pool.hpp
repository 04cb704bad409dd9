#pragma once

// The pool behind WorkerPool::start. worker.cpp is about events: who is next, who answered, who is
// late. worker_supervision.cpp is about processes: start, back-off, loss, stop.
//
// Everything happens on `home`, one thread. An answer runs the dispatcher's code, which may come
// straight back into handle() or let go of this pool: so nothing here holds on to an entry or
// iterates over anything while it answers, and every call from outside keeps the pool alive.

#include "daemon/core/backoff.hpp"
#include "daemon/core/metrics.hpp"
#include "handlers/answer_reader.hpp"
#include "handlers/worker.hpp"
#include "handlers/worker_ledger.hpp"
#include "handlers/worker_process.hpp"

#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch {

class ProcessPool final : public WorkerPool, public std::enable_shared_from_this<ProcessPool> {
public:
    ProcessPool(WorkerSettings settings, boost::asio::any_io_executor home, HandlerMetrics& metrics, Act act);
    ~ProcessPool() override;

    void handle(Invocation invocation, Answer answer) override;
    std::size_t told_only_slots() const override;
    void when_ready(std::function<void(bool)> done) override;
    void stop(std::chrono::steady_clock::time_point until, std::function<void()> done) override;

    void launch_all();

private:
    using Entry = WorkerLedger::Entry;
    using Time = WorkerLedger::Time;
    using Verdict = WorkerProcess::Verdict;

    // The place of one process: its lives follow each other here.
    struct Place {
        explicit Place(const boost::asio::any_io_executor& home);

        std::shared_ptr<WorkerProcess> process;  // null between two lives
        boost::asio::steady_timer restart;
        Backoff backoff;
        std::optional<Time> ready_since;
        std::size_t missed = 0;  // deadlines in a row
        bool failed = false;     // its last life ended before the handshake
        bool up = false;         // counted as such
    };

    // Events.
    void accept(Invocation invocation, Answer& answer);
    void pump();
    void settle(Entry& entry, Result<Outcome> outcome);
    std::optional<std::size_t> free_worker() const;
    std::size_t slots() const;
    bool hopeless(Time deadline) const;
    Verdict heard(std::size_t worker, WorkerFrame& frame);
    Verdict answered(std::size_t worker, const std::string& id, Result<Outcome> outcome);
    void watch_deadlines();
    void on_deadlines();
    void on_deadline(Entry& entry);

    // Processes.
    void launch(std::size_t worker);
    WorkerProcess::Owner owner_of(std::size_t worker);
    void up(std::size_t worker);
    void lost(std::size_t worker);
    void count_up(Place& place, bool up);
    void down(std::size_t worker, const std::string& why);
    void report_ready(bool ready);
    void close_if_drained();
    void close_all(std::chrono::milliseconds grace);
    void finish_stop();

    static Time now() { return std::chrono::steady_clock::now(); }

    // `f` as a call-back that keeps the pool while it runs, and does nothing once it is gone.
    template <class F>
    auto alive(F f) {
        return [weak = weak_from_this(), f = std::move(f)](auto&&... args) {
            if (auto self = weak.lock()) f(*self, args...);
        };
    }

    std::shared_ptr<const WorkerSettings> settings_;
    boost::asio::any_io_executor home_;
    HandlerMetrics& metrics_;
    std::deque<Place> places_;
    WorkerLedger ledger_;
    boost::asio::steady_timer deadline_timer_, stop_timer_;
    std::optional<Time> deadline_watched_;  // when deadline_timer_ will look
    std::minstd_rand random_{std::random_device{}()};

    std::optional<bool> ready_;
    std::vector<std::function<void(bool)>> ready_waiters_;
    std::vector<std::function<void()>> stopped_;
    bool stopping_ = false;  // takes nothing new
    bool closing_ = false;   // ends its processes

    Act act_;
    AnswerReader answers_;
};

}  // namespace hookswitch
