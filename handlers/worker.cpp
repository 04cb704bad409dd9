#include "daemon/io/log.hpp"
#include "handlers/worker_pool.hpp"

#include <boost/asio/dispatch.hpp>

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using log::kv;
using std::chrono::milliseconds;

// Nobody waits for a told-only event: it can be offered again.
Error never_begun(const WorkerLedger::Entry& entry) {
    const bool waited_for = wants_reply(entry.invocation.event->kind);
    return fail(waited_for ? Errc::deadline_exceeded : Errc::overloaded, "no worker was free in time");
}

}  // namespace

// ---- events

// As many as the ledger lets them have: all but the last slot, or the only one.
std::size_t ProcessPool::told_only_slots() const {
    const std::size_t all = settings_->workers * settings_->concurrency;
    return all > 1 ? all - 1 : 1;
}

void ProcessPool::handle(Invocation invocation, Answer answer) {
    asio::dispatch(home_,
                   [self = shared_from_this(), invocation = std::move(invocation),
                    answer = std::move(answer)]() mutable { self->accept(std::move(invocation), answer); });
}

void ProcessPool::accept(Invocation invocation, Answer& answer) {
    if (stopping_) return answer(fail(Errc::overloaded, "the worker pool is stopping"));
    const bool waited_for = wants_reply(invocation.event->kind);
    const bool at_once = free_worker() && ledger_.may_begin(waited_for, slots());
    if (!at_once && ledger_.waiting(waited_for) >= settings_->queue)
        return answer(fail(Errc::overloaded, "the worker queue is full"));
    if (hopeless(invocation.deadline)) return answer(fail(Errc::handler_failed, "no worker can be started"));
    if (!ledger_.add(std::move(invocation), answer))
        return answer(fail(Errc::in_work, "the worker is still at an earlier attempt"));
    pump();
}

// Gives out what can be given out. Called after everything that frees a slot or adds an event, so
// an event waits only while no slot may take it.
void ProcessPool::pump() {
    while (const auto worker = free_worker()) {
        Entry* entry = ledger_.next(slots());
        if (!entry) break;
        const auto left = std::chrono::duration_cast<milliseconds>(entry->invocation.deadline - now());
        if (left <= 0ms) {
            settle(*entry, never_begun(*entry));
            continue;
        }
        ledger_.give(*entry, *worker);
        const std::string line =
            to_json(entry->invocation, entry->invocation.attempt + entry->attempt - 1, left) + '\n';
        if (!places_[*worker].process->send(line)) ledger_.undo_give(*entry);
    }
    watch_deadlines();
}

void ProcessPool::settle(Entry& entry, Result<Outcome> outcome) {
    Answer answer = ledger_.remove(entry);
    answer(std::move(outcome));
    close_if_drained();
}

// The least busy one, so that one slow event delays as few others as possible.
std::optional<std::size_t> ProcessPool::free_worker() const {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        const auto& process = places_[i].process;
        if (!process || !process->ready() || ledger_.at(i) >= settings_->concurrency) continue;
        if (!best || ledger_.at(i) < ledger_.at(*best)) best = i;
    }
    return best;
}

std::size_t ProcessPool::slots() const {
    const auto ready = std::count_if(places_.begin(), places_.end(), [](const Place& place) {
        return place.process && place.process->ready();
    });
    return static_cast<std::size_t>(ready) * settings_->concurrency;
}

// No worker, and none will be started in time: a caller should not wait for that in silence.
bool ProcessPool::hopeless(Time deadline) const {
    return std::all_of(places_.begin(), places_.end(), [&](const Place& place) {
        return !place.process && place.restart.expiry() >= deadline;
    });
}

ProcessPool::Verdict ProcessPool::heard(std::size_t worker, WorkerFrame& frame) {
    if (auto* answer = std::get_if<WorkerAnswer>(&frame)) {
        const Entry* entry = ledger_.find(answer->id);
        answers_.report_mistakes(answer->actions, answer->id, entry ? entry->invocation.event->call_id : "");
        Outcome outcome{std::move(answer->reply), std::move(answer->actions.commands)};
        return answered(worker, answer->id, std::move(outcome));
    }
    if (auto* failure = std::get_if<WorkerFailure>(&frame))
        return answered(
            worker, failure->id,
            fail(failure->retry ? Errc::handler_failed : Errc::rejected, std::move(failure->message)));
    if (auto* actions = std::get_if<WorkerActions>(&frame)) {
        answers_.report_mistakes(actions->actions, {}, actions->call);
        if (!actions->actions.commands.empty() && act_)
            act_(std::move(actions->call), std::move(actions->actions.commands));
    }
    return Verdict::notice;
}

ProcessPool::Verdict ProcessPool::answered(std::size_t worker, const std::string& id,
                                           Result<Outcome> outcome) {
    Entry* entry = ledger_.find(id);
    if (!entry || entry->worker != worker) {
        if (!ledger_.removed_lately(id)) return Verdict::unknown;
        log::debug("handler.late", kv("handler", settings_->name), kv("id", id),
                   kv("why", "answered before"));
        return Verdict::late;
    }
    Place& place = places_[worker];
    if (!entry->missed) place.missed = 0;
    place.backoff.reset();
    settle(*entry, std::move(outcome));
    pump();
    return Verdict::answer;
}

// ---- deadlines

// The timer is only ever moved to an earlier time; an answer in time leaves it to find nothing. At
// thousands of events a second that is a thousandth of the timer operations.
void ProcessPool::watch_deadlines() {
    const auto next = ledger_.next_due();
    if (!next || (deadline_watched_ && *deadline_watched_ <= *next)) return;
    deadline_watched_ = next;
    deadline_timer_.expires_at(*next);
    deadline_timer_.async_wait(alive([](ProcessPool& self, error_code error) {
        if (!error) self.on_deadlines();
    }));
}

void ProcessPool::on_deadlines() {
    deadline_watched_.reset();
    const Time time = now();
    while (Entry* entry = ledger_.due_by(time)) on_deadline(*entry);
    watch_deadlines();
}

// The dispatcher keeps deadlines by itself. Here it is about workers: one that has missed a deadline
// keeps the slot busy, for it may still be at work.
void ProcessPool::on_deadline(Entry& entry) {
    if (entry.worker == WorkerLedger::kWaiting) return settle(entry, never_begun(entry));
    Place& place = places_[entry.worker];
    const bool hangs = std::exchange(entry.missed, true);
    ledger_.set_due(entry, hangs ? Time::max() : entry.invocation.deadline + settings_->hang_timeout);
    if (hangs)
        place.process->kill(
            fmt::format("an event is unanswered {} ms after its deadline", settings_->hang_timeout.count()));
    else if (++place.missed >= settings_->max_missed)
        place.process->kill(fmt::format("it missed {} deadlines in a row", place.missed));
}

}  // namespace hookswitch
