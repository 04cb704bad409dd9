// Which events are here, which are in the journal only, and what the journal has to know of it.

#include "daemon/delivery.hpp"

#include "daemon/core/metrics.hpp"
#include "daemon/core/search_index.hpp"
#include "daemon/delivery_running.hpp"
#include "daemon/io/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;
using std::chrono::steady_clock;

// Read from the journal at once: enough to keep every slot busy, little enough to be read quickly.
constexpr std::size_t kPage = 1000;
constexpr std::size_t kPageBytes = std::size_t{8} << 20;

// How often the journal is told how far deliveries are. A restart looks again at what came since.
constexpr auto kMarkEvery = std::chrono::milliseconds(500);

// A parsed event takes about ten times its text, and a little for itself.
std::size_t footprint(std::size_t body_size) { return body_size * 10 + 1024; }

std::uint64_t call_key(std::string_view call) {
    return call.empty() ? 0 : search_hash(SearchKey::call, call);
}

}  // namespace

Delivery::Delivery(asio::any_io_executor home, Journal* journal, std::shared_ptr<Outbox> outbox,
                   Metrics& metrics)
    : home_(std::move(home)),
      journal_(journal),
      outbox_(std::move(outbox)),
      metrics_(metrics),
      mark_timer_(home_) {}

void Delivery::use(std::shared_ptr<const Routing> routing) {
    routing_ = std::move(routing);
    for (auto& [name, handling] : handlings_) pump(*handling);
}

std::shared_ptr<void> Delivery::reserve(std::size_t body_size, bool regardless) {
    const std::size_t size = footprint(body_size);
    if (bytes_.fetch_add(size) + size > kMostBytes && !regardless) {
        bytes_.fetch_sub(size);
        return nullptr;
    }
    // `this` is not a null pointer's address: an empty shared_ptr would mean that it is full.
    return {this, [self = shared_from_this(), size](void*) { self->bytes_.fetch_sub(size); }};
}

Delivery::Handling& Delivery::handling(const std::string& name) {
    auto& entry = handlings_[name];
    if (!entry) {
        entry = std::make_unique<Handling>(home_);
        entry->handler = name;
        entry->metrics = &metrics_.handler(name);
    }
    return *entry;
}

// ---- in

void Delivery::connect() {
    const auto weak = weak_from_this();
    journal_->on_commit(home_, [weak](std::vector<Journal::Committed> events) {
        if (const auto self = weak.lock()) self->take(std::move(events));
    });
}

void Delivery::resume(const BacklogStart& start, JournalBacklog& backlog) {
    backlog_ = &backlog;
    newest_ = std::max(newest_, start.newest);
    mark_ = start.delivered_before;
    for (const WaitingDelivery& waiting : start.waiting) restore(waiting, false);
    for (const std::string& name : start.handlers) handling(name).rest_from = start.delivered_before;
    journal_->on_change(home_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->forget_events();
    });
    // From now on only: those of before are among what `start` has.
    journal_->on_redelivery(home_, [weak = weak_from_this()](std::vector<WaitingDelivery> asked) {
        const auto self = weak.lock();
        if (!self) return;
        for (const WaitingDelivery& one : asked) {
            self->handling(one.handler).metrics->redeliveries.add();
            self->restore(one, true);
        }
        log::info("delivery.redelivered", kv("count", asked.size()));
    });
    for (auto& [name, handling] : handlings_) load(*handling);
}

void Delivery::take(std::vector<Journal::Committed> events) {
    for (auto& [seq, load] : events) {
        newest_ = seq;
        const auto told = std::static_pointer_cast<const Told>(load);
        for (const std::string& name : told->handlers) {
            Handling& to = handling(name);
            if (seq <= to.loaded_to) continue;  // has been read from the journal already
            if (!to.rest_from && (!backlog_ || to.lane.size() >= kMostJobs)) to.rest_from = seq;
            if (to.rest_from)
                to.skipped_to = seq;
            else
                add(to, seq, told->call, told->received_at, told->reservation ? told : nullptr);
        }
    }
    watch_mark();
}

void Delivery::accept(std::shared_ptr<const Told> told) {
    asio::post(home_, [self = shared_from_this(), told = std::move(told)] {
        ++self->newest_;
        for (const std::string& name : told->handlers)
            self->add(self->handling(name), self->newest_, told->call, told->received_at, told);
    });
}

void Delivery::add(Handling& to, std::int64_t seq, std::string_view call, Milliseconds received_at,
                   std::shared_ptr<const Told> told) {
    ++open_[seq];
    if (journal_ && to.lane.size() >= kMostKept) told.reset();
    to.lane.add({seq, settings_of(to.handler).ordered ? call_key(call) : 0, 0, false, std::move(told)});
    to.pending.emplace(seq, received_at);
    count(to);
    pump(to);
}

void Delivery::count(Handling& handling) {
    HandlerMetrics& metrics = *handling.metrics;
    metrics.backlog.set(handling.lane.size());
    metrics.in_work.set(handling.lane.in_work());
    const auto oldest = handling.pending.begin();
    metrics.oldest_at_ms.set(oldest == handling.pending.end() ? 0
                                                              : oldest->second.time_since_epoch().count());
}

// One that is on record, from a run before this one or because an operator wants it again.
void Delivery::restore(const WaitingDelivery& waiting, bool asked) {
    Handling& to = handling(waiting.handler);
    if (to.pending.contains(waiting.seq)) {  // it is on its way already
        to.lane.hurry(waiting.seq);
        return pump(to);
    }
    const DeliverySettings& settings = settings_of(waiting.handler);
    // Whatever the clock did meanwhile, nothing waits longer than the schedule says.
    const auto most =
        settings.retry.empty() ? std::chrono::milliseconds(0) : std::ranges::max(settings.retry);
    const auto left = std::chrono::floor<std::chrono::milliseconds>(waiting.next_at - wall_now());
    const auto wait = std::clamp(left, std::chrono::milliseconds(0), most);
    Job job{waiting.seq, settings.ordered ? call_key(waiting.call) : 0, waiting.attempts, true, nullptr};
    if (asked) job.schedule_from = waiting.attempts;
    to.lane.restore(std::move(job), steady_clock::now() + wait);
    to.pending.emplace(waiting.seq, waiting.received_at);
    count(to);
    watch(to);
    pump(to);
}

// ---- from the journal

void Delivery::load(Handling& from) {
    if (!backlog_ || from.loading || !from.rest_from || from.lane.size() > kMostJobs / 2 || stopping_) return;
    from.loading = true;
    backlog_->page(from.handler, *from.rest_from, kPage, kPageBytes, home_,
                   [weak = weak_from_this(), &from](Result<BacklogPage> page) {
                       if (const auto self = weak.lock()) self->loaded(from, std::move(page));
                   });
}

void Delivery::loaded(Handling& from, Result<BacklogPage> page) {
    from.loading = false;
    if (stopping_) return;
    if (!page) {
        log::error("delivery.read_failed", kv("handler", from.handler), kv("why", page.error().what()));
        return pause(from);
    }
    from.loaded_to = page->read_to;
    from.rest_from = page->read_to + 1;
    // What was skipped while this was being read is on disk, and further on.
    if (page->at_end && page->read_to >= from.skipped_to) from.rest_from.reset();
    for (const StoredTold& event : page->events) {
        auto told = told_from(from, event);
        add(from, event.seq, event.call, event.received_at, told ? *told : nullptr);
    }
    load(from);
    watch_mark();
}

Result<std::shared_ptr<const Told>> Delivery::told_from(const Handling& from, const StoredTold& event,
                                                        bool regardless) {
    auto told = std::make_shared<Told>();
    told->reservation = reserve(event.body.size(), regardless);
    if (!told->reservation) return std::shared_ptr<const Told>();
    told->id = event.id;
    told->source = event.source;
    told->call = event.call;
    told->received_at = event.received_at;
    TRY(told->event, parse_event(event.body, dialect_named(event.dialect).value_or(Dialect::snake)));
    told->trace = trace_in(event.head);
    const RoutedHandler* routed = routing_ ? routing_->handler(from.handler) : nullptr;
    if (routed && routed->handler->wants_raw())
        told->raw = std::make_shared<const RawRequest>(RawRequest{event.head, event.body});
    return std::shared_ptr<const Told>(std::move(told));
}

// `events purge` may have erased some: what is not in work yet is read again when it is its turn.
void Delivery::forget_events() {
    for (auto& [name, handling] : handlings_) handling->lane.forget_events();
}

// ---- the mark

void Delivery::settled(const Job& job) {
    if (job.on_record) return;
    const auto it = open_.find(job.seq);
    if (it != open_.end() && --it->second == 0) open_.erase(it);
    watch_mark();
}

void Delivery::watch_mark() {
    if (!backlog_ || stopping_ || std::exchange(mark_timer_set_, true)) return;
    mark_timer_.expires_after(kMarkEvery);
    mark_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& ec) {
        const auto self = weak.lock();
        if (ec || !self) return;
        self->mark_timer_set_ = false;
        self->tell_mark();
    });
}

void Delivery::tell_mark() {
    std::int64_t mark = open_.empty() ? newest_ + 1 : open_.begin()->first;
    for (const auto& [name, handling] : handlings_)
        if (handling->rest_from) mark = std::min(mark, *handling->rest_from);
    if (mark <= mark_) return;
    mark_ = mark;
    journal_->delivered_before(mark);
}

// ---- the end

void Delivery::when_idle(std::function<void()> done) {
    stopping_ = true;
    idle_.push_back(std::move(done));
    tell_if_idle();
}

void Delivery::abandon() {
    stopping_ = abandoned_ = true;
    tell_if_idle();
}

void Delivery::tell_if_idle() {
    if (!stopping_) return;
    if (!abandoned_ && in_work_ > 0) return;
    std::size_t left = 0;
    for (const auto& [name, handling] : handlings_) {
        if (!journal_ && !abandoned_ && handling->lane.has_ready()) return;
        left += handling->lane.size();
        handling->timer.cancel();
        handling->pause_timer.cancel();
    }
    mark_timer_.cancel();
    if (backlog_) tell_mark();
    if (left > 0 && journal_)
        log::info("delivery.left", kv("count", left), kv("why", "they go on at the next start"));
    // Also because what they hold leads back here.
    for (const auto& [name, handling] : handlings_)
        for (const Job& job : handling->lane.take_all())
            if (!journal_) report_lost(job, name, "the daemon is stopping and has no journal");
    for (auto& done : std::exchange(idle_, {})) done();
}

}  // namespace hookswitch
