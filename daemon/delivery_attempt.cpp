// One attempt after the other.

#include "daemon/core/metrics.hpp"
#include "daemon/delivery_running.hpp"
#include "daemon/io/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long to wait before offering again to a handler whose queue is full.
constexpr auto kPause = milliseconds(100);

// A handler that could not even begin by the deadline says so first, and the event is offered again.
constexpr auto kGrace = milliseconds(500);

// A worker that missed the deadline may be at it still, and gets no second copy meanwhile.
constexpr auto kStillAtIt = milliseconds(1000);

// For an event whose route is gone from the configuration since it was accepted; as routes' own.
constexpr auto kTimeout = std::chrono::seconds(30);

// For a handler that is gone; it may come back.
constexpr std::size_t kSlots = 16;

double ms_since(steady_clock::time_point start) {
    return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
}

}  // namespace

void report_lost(const Job& job, const std::string& handler, std::string_view why) {
    if (!job.told) return;
    log::error("delivery.lost", kv("id", job.told->id), kv("type", job.told->event.type),
               kv("call", job.told->event.call_id), kv("handler", handler), kv("why", why));
}

const DeliverySettings& Delivery::settings_of(const std::string& handler) const {
    static const DeliverySettings usual;
    const RoutedHandler* routed = routing_ ? routing_->handler(handler) : nullptr;
    return routed ? routed->delivery : usual;
}

void Delivery::pump(Handling& from) {
    if (!routing_ || abandoned_ || (stopping_ && journal_)) return;
    const RoutedHandler* routed = routing_->handler(from.handler);
    const std::size_t slots = routed ? routed->handler->told_only_slots() : kSlots;
    while (!from.pausing && from.lane.has_ready() && from.lane.in_work() < slots) {
        ++in_work_;
        Job job = *from.lane.next();
        job.told ? attempt(from, std::move(job)) : fetch(from, std::move(job));
    }
    count(from);
}

void Delivery::fetch(Handling& from, Job job) {
    const std::int64_t seq = job.seq;
    auto fetched = [weak = weak_from_this(), &from,
                    job = std::move(job)](Result<std::optional<StoredTold>> stored) mutable {
        const auto self = weak.lock();
        if (!self || self->abandoned_ || !self->routing_) return;
        if (!stored) {
            log::error("delivery.read_failed", kv("handler", from.handler), kv("why", stored.error().what()));
            return self->put_back(from, std::move(job));
        }
        if (!*stored) {
            log::info("delivery.dropped", kv("seq", job.seq), kv("handler", from.handler),
                      kv("why", "the event was erased from the journal"));
            return self->let_go(from, std::move(job));
        }
        // One at a time always goes, however full the memory is.
        auto told = self->told_from(from, **stored, from.lane.in_work() == 1);
        if (told && !*told) return self->put_back(from, std::move(job));  // no memory for it now
        if (told) job.told = *std::move(told);
        self->attempt(from, std::move(job));
    };
    backlog_->fetch(seq, home_, std::move(fetched));
}

void Delivery::attempt(Handling& from, Job job) {
    auto running = std::make_shared<Running>(home_, from, std::move(job));
    running->routing = routing_;
    // Posted, not run inline: a handler that answers at once must not recurse into the next job.
    Answer answer([self = shared_from_this(), running](Result<Outcome> outcome) {
        asio::post(self->home_, [self, running, outcome = std::move(outcome)]() mutable {
            self->finish(*running, std::move(outcome));
        });
    });
    if (!running->told) return answer(fail(Errc::rejected, "the stored event cannot be read"));
    const RoutedHandler* routed = routing_->handler(from.handler);
    if (!routed) return answer(fail(Errc::handler_failed, "there is no handler of this name"));

    const Told& told = *running->told;
    // Its type changed by a reload; read from the journal, it comes with the request.
    if (routed->handler->wants_raw() && !told.raw)
        return answer(fail(Errc::handler_failed, "the request as it came is not at hand"));
    const Route* route = routing_->route_to(from.handler, told.event, told.source);
    const auto timeout = route ? timeout_for(route->settings, told.event.kind) : milliseconds(kTimeout);
    const auto deadline = running->began_steady + timeout;
    running->timer.expires_at(deadline + kGrace);
    running->timer.async_wait([self = shared_from_this(), running](const boost::system::error_code& ec) {
        if (!ec) self->finish(*running, fail(Errc::deadline_exceeded, "deadline exceeded"));
    });
    const std::shared_ptr<const Event> event(running->told, &told.event);
    Invocation invocation{told.id,       event,
                          nullptr,       told.source,
                          running->told, told.received_at,
                          deadline,      running->job.attempts + 1,
                          told.raw,      told.trace};
    try {
        routed->handler->handle(std::move(invocation), std::move(answer));
    } catch (const std::exception& e) {
        log::error("handler.threw", kv("id", told.id), kv("call", told.event.call_id),
                   kv("handler", from.handler), kv("why", e.what()));
    }
}

void Delivery::finish(Running& running, Result<Outcome> outcome) {
    if (std::exchange(running.finished, true)) {
        if (outcome && running.told)
            log::info("handler.late", kv("id", running.told->id), kv("call", running.told->event.call_id),
                      kv("handler", running.from.handler));
        return;
    }
    running.timer.cancel();
    Handling& from = running.from;
    if (!outcome && outcome.error() == Errc::overloaded && !abandoned_)
        return put_back(from, std::move(running.job));
    if (!outcome && outcome.error() == Errc::in_work) return wait(from, std::move(running.job), kStillAtIt);
    if (outcome)
        succeed(running, std::move(outcome->actions));
    else
        fail_attempt(running, outcome.error());
    running.routing.reset();
}

// The commands first: after a crash between the two the handler is asked again, rather than that what it
// wanted is lost.
void Delivery::succeed(Running& running, std::vector<CallCommand> commands) {
    if (running.told && !running.told->event.call_id.empty() && !commands.empty())
        outbox_->post(orders_of_handler(running.from.handler, running.told->event.call_id,
                                        std::move(commands), running.told->id),
                      home_, [] {});
    record(running, DeliveryRecord::Outcome::delivered, {}, {});
    if (running.told && log::enabled(log::Level::info))
        log::info("event.delivered", kv("id", running.told->id), kv("type", running.told->event.type),
                  kv("call", running.told->event.call_id), kv("handler", running.from.handler),
                  kv("attempt", running.job.attempts + 1));
    let_go(running.from, std::move(running.job));
}

void Delivery::fail_attempt(Running& running, const Error& why) {
    Handling& from = running.from;
    const auto& retry = settings_of(from.handler).retry;
    const auto made = static_cast<std::size_t>(running.job.attempts - running.job.schedule_from);
    const std::string_view id = running.told ? std::string_view(running.told->id) : "";
    const std::string_view call = running.told ? running.told->event.call_id : "";
    if (why == Errc::rejected || made >= retry.size()) {
        record(running, DeliveryRecord::Outcome::dead, why.what(), {});
        log::error("delivery.dead", kv("id", id), kv("call", call), kv("handler", from.handler),
                   kv("attempt", running.job.attempts + 1), kv("why", why.what()));
        return let_go(from, std::move(running.job));
    }
    // What failed together does not come back together.
    const double spread = std::uniform_real_distribution<>(0.9, 1.1)(random_);
    const auto wait = std::chrono::duration_cast<milliseconds>(retry[made] * spread);
    record(running, DeliveryRecord::Outcome::failed, why.what(), wall_now() + wait);
    log::warn("delivery.retry", kv("id", id), kv("call", call), kv("handler", from.handler),
              kv("attempt", running.job.attempts + 1), kv("next_in_ms", wait.count()), kv("why", why.what()));
    settled(running.job);
    Job job = std::move(running.job);
    ++job.attempts;
    job.on_record = true;
    if (journal_) job.told.reset();  // its memory is for those whose turn it is
    this->wait(from, std::move(job), wait);
}

void Delivery::wait(Handling& from, Job job, milliseconds time) {
    from.lane.retry(std::move(job), steady_clock::now() + time);
    --in_work_;
    watch(from);
    pump(from);
    tell_if_idle();
}

void Delivery::record(const Running& running, DeliveryRecord::Outcome outcome, std::string why,
                      std::optional<Milliseconds> next_at) {
    HandlerMetrics& metrics = *running.from.metrics;
    metrics.attempt(static_cast<AttemptOutcome>(outcome)).add();
    metrics.attempt_seconds.observe(steady_clock::now() - running.began_steady);
    if (outcome == DeliveryRecord::Outcome::delivered)
        metrics.delivery_seconds.observe(wall_now() - running.told->received_at);
    if (!journal_) return;
    journal_->record({running.job.seq, running.from.handler, running.job.attempts + 1, running.began,
                      ms_since(running.began_steady), outcome, std::move(why), next_at});
}

void Delivery::let_go(Handling& from, Job job) {
    --in_work_;
    from.lane.done(job);
    from.pending.erase(job.seq);
    count(from);
    settled(job);
    load(from);
    pump(from);
    tell_if_idle();
}

// The handler's queue is full of events that callers wait for, and theirs is the right of way; or
// there is no memory; or the journal cannot be read.
void Delivery::put_back(Handling& from, Job job) {
    --in_work_;
    from.lane.put_back(std::move(job));
    pause(from);
    tell_if_idle();
}

void Delivery::pause(Handling& from) {
    if (stopping_ && journal_) return;
    if (std::exchange(from.pausing, true)) return;
    from.pause_timer.expires_after(kPause);
    from.pause_timer.async_wait([weak = weak_from_this(), &from](const boost::system::error_code& ec) {
        const auto self = weak.lock();
        if (!self || ec) return;
        from.pausing = false;
        self->load(from);
        self->pump(from);
    });
}

// The timer is moved only to an earlier time; what it then finds not due is looked at again.
void Delivery::watch(Handling& from) {
    const auto due = from.lane.next_due();
    if (!due || stopping_ || (from.timer_set && *from.timer_set <= *due)) return;
    from.timer_set = due;
    from.timer.expires_at(*due);
    from.timer.async_wait([weak = weak_from_this(), &from](const boost::system::error_code& ec) {
        const auto self = weak.lock();
        if (ec || !self) return;
        from.timer_set.reset();
        from.lane.wake(steady_clock::now());
        self->watch(from);
        self->pump(from);
    });
}

}  // namespace hookswitch
