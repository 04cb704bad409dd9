#include "handlers/worker_ledger.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace hookswitch {
namespace {

bool waited_for(const WorkerLedger::Entry& entry) { return wants_reply(entry.invocation.event->kind); }

}  // namespace

WorkerLedger::List& WorkerLedger::queue_of(const Entry& entry) { return waiting_[waited_for(entry) ? 0 : 1]; }

WorkerLedger::List& WorkerLedger::list_of(const Entry& entry) {
    return entry.worker == kWaiting ? queue_of(entry) : at_worker_[entry.worker];
}

bool WorkerLedger::add(Invocation invocation, Answer& answer) {
    if (by_id_.contains(invocation.id)) return false;
    List added(1);
    Entry& entry = added.front();
    entry.invocation = std::move(invocation);
    entry.answer_ = std::move(answer);
    entry.self_ = added.begin();
    entry.due_ = due_.emplace(entry.invocation.deadline, &entry);
    by_id_.emplace(entry.invocation.id, &entry);
    List& queue = queue_of(entry);
    queue.splice(queue.end(), added);
    return true;
}

bool WorkerLedger::may_begin(bool waited_for, std::size_t slots) const {
    return waited_for || told_only_in_work_ < std::max<std::size_t>(slots, 2) - 1;
}

WorkerLedger::Entry* WorkerLedger::next(std::size_t slots) {
    for (const bool waited : {true, false}) {
        List& queue = waiting_[waited ? 0 : 1];
        if (!queue.empty() && may_begin(waited, slots)) return &queue.front();
    }
    return nullptr;
}

void WorkerLedger::give(Entry& entry, std::size_t worker) {
    List& to = at_worker_[worker];
    to.splice(to.end(), list_of(entry), entry.self_);
    entry.worker = worker;
    ++entry.attempt;
    if (!waited_for(entry)) ++told_only_in_work_;
}

void WorkerLedger::take_back(Entry& entry) {
    if (!waited_for(entry)) --told_only_in_work_;
    List& queue = queue_of(entry);
    queue.splice(queue.begin(), list_of(entry), entry.self_);
    entry.worker = kWaiting;
}

void WorkerLedger::undo_give(Entry& entry) {
    take_back(entry);
    --entry.attempt;
}

void WorkerLedger::set_due(Entry& entry, Time time) {
    due_.erase(entry.due_);
    entry.due_ = due_.emplace(time, &entry);
}

Answer WorkerLedger::take_answer(Entry& entry) { return std::move(entry.answer_); }

Answer WorkerLedger::remove(Entry& entry) {
    if (entry.worker != kWaiting && !waited_for(entry)) --told_only_in_work_;
    due_.erase(entry.due_);
    by_id_.erase(entry.invocation.id);
    removed_[removed_next_++ % removed_.size()] = std::move(entry.invocation.id);
    Answer answer = std::move(entry.answer_);
    List& list = list_of(entry);
    list.erase(entry.self_);
    return answer;
}

WorkerLedger::Entry* WorkerLedger::find(std::string_view id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

bool WorkerLedger::removed_lately(std::string_view id) const {
    return !id.empty() && std::find(removed_.begin(), removed_.end(), id) != removed_.end();
}

WorkerLedger::Entry* WorkerLedger::first() { return by_id_.empty() ? nullptr : by_id_.begin()->second; }

WorkerLedger::Entry* WorkerLedger::first_waiting(bool waited_for) {
    List& queue = waiting_[waited_for ? 0 : 1];
    return queue.empty() ? nullptr : &queue.front();
}

WorkerLedger::Entry* WorkerLedger::last_at(std::size_t worker) {
    return at_worker_[worker].empty() ? nullptr : &at_worker_[worker].back();
}

WorkerLedger::Entry* WorkerLedger::due_by(Time now) {
    return due_.empty() || due_.begin()->first > now ? nullptr : due_.begin()->second;
}

std::optional<WorkerLedger::Time> WorkerLedger::next_due() const {
    if (due_.empty()) return std::nullopt;
    return due_.begin()->first;
}

}  // namespace hookswitch
