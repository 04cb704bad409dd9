#pragma once

// Told-only events on their way to their handlers, after the acknowledgement: in order per call and
// handler, concurrent across calls, again and again until the handler has them or the schedule of
// retries ends (a dead letter). At least once: a crash between a handler's work and its record makes
// the event come again, with the same id.
//
// With a journal the events are on disk, and here is only what can be worked at soon: bounded per
// handler; what does not fit is read from the journal when there is room. Without one (journal.sync =
// "off") all of them are in memory, bounded by kMostBytes.
//
// Lives on its home executor, one thread; reserve() and accept() may be called on any thread.

#include "daemon/core/event.hpp"
#include "daemon/io/journal.hpp"
#include "daemon/io/journal_backlog.hpp"
#include "daemon/lane.hpp"
#include "daemon/outbox.hpp"
#include "daemon/routing.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace hookswitch {

class Metrics;
struct HandlerMetrics;

/// A told-only event in memory. `reservation` gives back its share of kMostBytes; null: there was no
/// room, and no `event` either; it has to be read from the journal.
struct Told {
    std::string id, source, call;
    Milliseconds received_at;
    std::vector<std::string> handlers;  // it has to reach; each once
    std::shared_ptr<void> reservation;
    Event event;
    TraceContext trace;
    std::shared_ptr<const RawRequest> raw;  // if one of the handlers forwards requests as they came
};

class Delivery : public std::enable_shared_from_this<Delivery> {
public:
    /// All parsed events that may wait here, in bytes of memory.
    static constexpr std::size_t kMostBytes = std::size_t{256} << 20;

    /// Deliveries of one handler that are known here; further ones stay in the journal.
    static constexpr std::size_t kMostJobs = 100'000;

    /// Of these, the ones whose event is kept in memory too, if there is a journal: a handler that hangs
    /// must not take the memory that the others need.
    static constexpr std::size_t kMostKept = 256;

    /// `journal` may be null; else it outlives this.
    Delivery(boost::asio::any_io_executor home, Journal* journal, std::shared_ptr<Outbox> outbox,
             Metrics& metrics);

    /// Takes what is committed from the journal. Once, before the first event.
    void connect();

    /// Handlers, routes and schedules from now on.
    void use(std::shared_ptr<const Routing> routing);

    /// Goes on where a run before this one stood. Until then events only pile up in the journal.
    /// `backlog` outlives this.
    void resume(const BacklogStart& start, JournalBacklog& backlog);

    bool resumed() const { return backlog_ != nullptr; }

    /// Makes room for an event whose body has `body_size` bytes. Null: full, unless `regardless`.
    std::shared_ptr<void> reserve(std::size_t body_size, bool regardless = false);

    /// Without a journal: an event that was acknowledged.
    void accept(std::shared_ptr<const Told> told);

    /// With one: lets go of what is ready, and calls `done` when nothing is in work. Without: when
    /// nothing is left to deliver but what waits for a retry, which is then lost.
    void when_idle(std::function<void()> done);

    /// Gives up what is left; for the end of the drain time.
    void abandon();

private:
    struct Handling {
        explicit Handling(const boost::asio::any_io_executor& home) : timer(home), pause_timer(home) {}
        std::string handler;
        HandlerMetrics* metrics = nullptr;
        Lane lane;
        std::map<std::int64_t, Milliseconds> pending;  // of the lane, by seq: when received
        boost::asio::steady_timer timer, pause_timer;
        std::optional<Lane::Time> timer_set;    // when `timer` will look for what has waited
        std::optional<std::int64_t> rest_from;  // events from this on are in the journal only
        std::int64_t loaded_to = 0, skipped_to = 0;
        bool loading = false, pausing = false;
    };
    struct Running;

    Handling& handling(const std::string& name);
    const DeliverySettings& settings_of(const std::string& handler) const;

    void take(std::vector<Journal::Committed> events);
    void add(Handling& to, std::int64_t seq, std::string_view call, Milliseconds received_at,
             std::shared_ptr<const Told> told);
    static void count(Handling& handling);
    void restore(const WaitingDelivery& waiting, bool asked);
    void load(Handling& from);
    void loaded(Handling& from, Result<BacklogPage> page);
    /// Null: there is no memory for it now.
    Result<std::shared_ptr<const Told>> told_from(const Handling& from, const StoredTold& event,
                                                  bool regardless = false);

    void pump(Handling& from);
    void fetch(Handling& from, Job job);
    void attempt(Handling& from, Job job);
    void finish(Running& running, Result<Outcome> outcome);
    void succeed(Running& running, std::vector<CallCommand> commands);
    void fail_attempt(Running& running, const Error& why);
    void record(const Running& running, DeliveryRecord::Outcome outcome, std::string why,
                std::optional<Milliseconds> next_at);
    void wait(Handling& from, Job job, std::chrono::milliseconds time);
    void let_go(Handling& from, Job job);
    void put_back(Handling& from, Job job);
    void pause(Handling& from);
    void watch(Handling& from);

    void settled(const Job& job);
    void forget_events();
    void watch_mark();
    void tell_mark();
    void tell_if_idle();

    boost::asio::any_io_executor home_;
    Journal* journal_;
    std::shared_ptr<Outbox> outbox_;
    JournalBacklog* backlog_ = nullptr;  // null: not resumed yet
    Metrics& metrics_;
    std::shared_ptr<const Routing> routing_;
    std::unordered_map<std::string, std::unique_ptr<Handling>> handlings_;

    std::map<std::int64_t, std::size_t> open_;  // by seq: deliveries that are not on record yet
    std::int64_t newest_ = 0, mark_ = 0;
    boost::asio::steady_timer mark_timer_;
    bool mark_timer_set_ = false;

    std::atomic<std::size_t> bytes_{0};
    std::minstd_rand random_{std::random_device{}()};
    std::size_t in_work_ = 0;
    bool stopping_ = false, abandoned_ = false;
    std::vector<std::function<void()>> idle_;
};

}  // namespace hookswitch
