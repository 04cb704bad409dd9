#include "handlers/bulkhead.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

// Nobody waits for a told-only event: it can be offered again.
Error never_begun(const Invocation& invocation) {
    return fail(wants_reply(invocation.event->kind) ? Errc::deadline_exceeded : Errc::overloaded,
                "the handler was not free in time");
}

}  // namespace

std::shared_ptr<Bulkhead> Bulkhead::make(BulkheadSettings settings, asio::any_io_executor home,
                                         HandlerMetrics& metrics, Begin begin) {
    return std::make_shared<Bulkhead>(settings, std::move(home), metrics, std::move(begin));
}

Bulkhead::Bulkhead(BulkheadSettings settings, asio::any_io_executor home, HandlerMetrics& metrics,
                   Begin begin)
    : settings_(settings),
      home_(std::move(home)),
      metrics_(metrics),
      begin_(std::move(begin)),
      deadline_timer_(home_),
      stop_timer_(home_) {
    metrics_.slots.add(static_cast<std::int64_t>(settings_.concurrency));
}

Bulkhead::~Bulkhead() {
    metrics_.slots.add(-static_cast<std::int64_t>(settings_.concurrency));
    metrics_.slots_busy.add(-counted_busy_);
    metrics_.queued.add(-counted_queued_);
}

// As many as the ledger lets them have: all but the last slot, or the only one.
std::size_t Bulkhead::told_only_slots() const {
    return settings_.concurrency > 1 ? settings_.concurrency - 1 : 1;
}

void Bulkhead::accept(Invocation invocation, Answer answer) {
    if (stopping_) return answer(fail(Errc::overloaded, "the handler is stopping"));
    const bool waited_for = wants_reply(invocation.event->kind);
    const bool at_once =
        in_work() < settings_.concurrency && ledger_.may_begin(waited_for, settings_.concurrency);
    if (!at_once && ledger_.waiting(waited_for) >= settings_.queue) {
        metrics_.refused.add();
        return answer(fail(Errc::overloaded, "the handler's queue is full"));
    }
    if (!ledger_.add(std::move(invocation), answer))
        return answer(fail(Errc::in_work, "the handler is still at an earlier attempt"));
    pump();
}

// Called after everything that frees a slot or adds an event, so an event waits only while no slot may
// take it. What begins may end at once, and come back here.
void Bulkhead::pump() {
    if (std::exchange(pumping_, true)) return;
    while (in_work() < settings_.concurrency) {
        Entry* entry = ledger_.next(settings_.concurrency);
        if (!entry) break;
        const auto left = std::chrono::duration_cast<milliseconds>(entry->invocation.deadline -
                                                                   std::chrono::steady_clock::now());
        if (left <= milliseconds(0)) {
            settle(*entry, never_begun(entry->invocation));
            continue;
        }
        ledger_.give(*entry, 0);
        ledger_.set_due(*entry, Time::max());
        begin_(entry->invocation, left);
    }
    pumping_ = false;
    count();
    watch_deadlines();
}

void Bulkhead::settle(Entry& entry, Result<Outcome> outcome) {
    Answer answer = ledger_.remove(entry);
    answer(std::move(outcome));
}

void Bulkhead::finished(std::string_view id, Result<Outcome> outcome) {
    Entry* entry = ledger_.find(id);
    if (!entry) return;
    const auto self = shared_from_this();  // an answer may let go of the handler
    settle(*entry, std::move(outcome));
    pump();
    tell_if_stopped();
}

void Bulkhead::answer_early(std::string_view id, Result<Outcome> outcome) {
    if (Entry* entry = ledger_.find(id)) ledger_.take_answer (*entry)(std::move(outcome));
}

// The timer is only ever moved to an earlier time; an answer in time leaves it to find nothing.
void Bulkhead::watch_deadlines() {
    const auto next = ledger_.next_due();
    if (!next || *next == Time::max() || (deadline_watched_ && *deadline_watched_ <= *next)) return;
    deadline_watched_ = next;
    deadline_timer_.expires_at(*next);
    deadline_timer_.async_wait([weak = weak_from_this()](error_code error) {
        const auto self = weak.lock();
        if (self && !error) self->on_deadlines();
    });
}

void Bulkhead::on_deadlines() {
    deadline_watched_.reset();
    const Time now = std::chrono::steady_clock::now();
    while (Entry* entry = ledger_.due_by(now)) settle(*entry, never_begun(entry->invocation));
    count();
    watch_deadlines();
    tell_if_stopped();
}

void Bulkhead::stop(Time until, std::function<void()> cut_off, std::function<void()> done) {
    stopping_ = true;
    cut_off_ = std::move(cut_off);
    stopped_.push_back(std::move(done));
    stop_timer_.expires_at(until);
    stop_timer_.async_wait([weak = weak_from_this()](error_code error) {
        const auto self = weak.lock();
        if (self && !error) self->close();
    });
    tell_if_stopped();
}

void Bulkhead::close() {
    const auto self = shared_from_this();
    for (const bool waited_for : {true, false})
        while (Entry* entry = ledger_.first_waiting(waited_for))
            settle(*entry, fail(Errc::handler_failed, "the handler was stopped"));
    count();
    if (const auto cut_off = std::exchange(cut_off_, nullptr)) cut_off();
    tell_if_stopped();
}

void Bulkhead::tell_if_stopped() {
    if (!stopping_ || !ledger_.empty()) return;
    stop_timer_.cancel();
    deadline_timer_.cancel();
    for (auto& done : std::exchange(stopped_, {})) asio::post(home_, std::move(done));
}

// Added up, because during a reload two of them count for one handler.
void Bulkhead::count() {
    const auto busy = static_cast<std::int64_t>(in_work());
    const auto queued = static_cast<std::int64_t>(ledger_.waiting(true) + ledger_.waiting(false));
    metrics_.slots_busy.add(busy - std::exchange(counted_busy_, busy));
    metrics_.queued.add(queued - std::exchange(counted_queued_, queued));
}

}  // namespace hookswitch
