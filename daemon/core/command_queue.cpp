#include "daemon/core/command_queue.hpp"

#include <algorithm>

namespace hookswitch {

CommandQueue::Line& CommandQueue::line(const std::string& call) {
    return lines_.try_emplace(call, per_call_).first->second;
}

std::deque<QueuedCommand>::iterator CommandQueue::most_urgent(Line& line) {
    return std::ranges::min_element(line.queue, {}, [](const QueuedCommand& q) { return q.command.type; });
}

// What the call would send now.
std::deque<QueuedCommand>::iterator CommandQueue::candidate(Line& line) {
    return line.held ? most_urgent(line) : line.queue.begin();
}

// Among the calls it counts as urgent as the most urgent that it has, also if that goes second.
void CommandQueue::make_ready(Line& line) {
    if (line.ready) ready_.erase(*line.ready);
    line.ready.emplace(most_urgent(line)->command.type, candidate(line)->number);
    ready_.emplace(*line.ready, &line);
}

void CommandQueue::take_out(Line& line) {
    if (line.ready) ready_.erase(*line.ready);
    if (line.waiting) waiting_.erase(*line.waiting);
    line.ready.reset();
    line.waiting.reset();
}

// Where next() finds the line: among the ready ones, among those that wait for their budget, or nowhere.
void CommandQueue::place(Line& line, Time now) {
    take_out(line);
    if (line.in_flight) return;
    if (line.queue.empty()) {
        line.held = false;
        return;
    }
    const Time when = line.budget.next(now);
    if (when > now) {
        line.held = true;
        line.waiting = waiting_.emplace(when, &line);
        return;
    }
    make_ready(line);
}

bool CommandQueue::add(QueuedCommand command) {
    const bool urgent = command.command.type <= CallCommand::Type::transfer;
    if (queued_ >= kMost + (urgent ? kUrgent : 0)) return false;
    Line& line = this->line(command.call);
    if (line.queue.size() >= kMostOfCall + (urgent ? kUrgentOfCall : 0)) return false;
    ++queued_;
    expiries_.emplace(command.expires, command.call);
    line.queue.push_back(std::move(command));
    if (line.ready) make_ready(line);
    if (!line.in_flight && !line.ready && !line.waiting) {
        // Its budget is looked at by next(), which knows the time.
        line.waiting = waiting_.emplace(Time::min(), &line);
    }
    return true;
}

void CommandQueue::release_waiting(Time now) {
    while (!waiting_.empty() && waiting_.begin()->first <= now) place(*waiting_.begin()->second, now);
}

// The last tenth of the key's budget is for commands that end a call: sentences must not use it up.
CommandQueue::Time CommandQueue::key_ready(Time now) {
    const bool urgent = ready_.begin()->first.first <= CallCommand::Type::transfer;
    return key_.next(now, urgent ? 0 : key_.limit() / 10);
}

std::optional<QueuedCommand> CommandQueue::next(Time now) {
    release_waiting(now);
    while (!ready_.empty() && key_ready(now) <= now) {
        Line& line = *ready_.begin()->second;
        if (line.budget.next(now) > now) {  // an answer has told of another budget meanwhile
            place(line, now);
            continue;
        }
        const auto first = candidate(line);
        take_out(line);
        QueuedCommand command = std::move(*first);
        line.queue.erase(first);
        --queued_;
        ++in_flight_;
        line.in_flight = true;
        line.held = false;
        key_.sent(now);
        line.budget.sent(now);
        return command;
    }
    return std::nullopt;
}

void CommandQueue::put_back(QueuedCommand command) {
    Line& line = this->line(command.call);
    line.in_flight = false;
    --in_flight_;
    ++queued_;
    expiries_.emplace(command.expires, command.call);
    line.queue.push_front(std::move(command));
    line.waiting = waiting_.emplace(Time::min(), &line);
}

void CommandQueue::done(const std::string& call) {
    Line& line = this->line(call);
    line.in_flight = false;
    --in_flight_;
    if (!line.queue.empty()) line.waiting = waiting_.emplace(Time::min(), &line);
}

std::vector<QueuedCommand> CommandQueue::drop(const std::string& call) {
    const auto found = lines_.find(call);
    if (found == lines_.end()) return {};
    Line& line = found->second;
    take_out(line);
    std::vector<QueuedCommand> dropped(std::make_move_iterator(line.queue.begin()),
                                       std::make_move_iterator(line.queue.end()));
    line.queue.clear();
    queued_ -= dropped.size();
    return dropped;
}

std::vector<QueuedCommand> CommandQueue::drop_all() {
    std::vector<QueuedCommand> all;
    for (auto& [call, line] : lines_) {
        auto dropped = drop(call);
        all.insert(all.end(), std::make_move_iterator(dropped.begin()),
                   std::make_move_iterator(dropped.end()));
    }
    return all;
}

std::vector<QueuedCommand> CommandQueue::expired(Time now) {
    std::vector<QueuedCommand> out;
    while (!expiries_.empty() && expiries_.begin()->first <= now) {
        const auto found = lines_.find(expiries_.begin()->second);
        expiries_.erase(expiries_.begin());
        if (found == lines_.end()) continue;
        Line& line = found->second;
        const auto in_time = [&](const QueuedCommand& q) { return q.expires > now; };
        const auto kept = std::stable_partition(line.queue.begin(), line.queue.end(), in_time);
        if (kept == line.queue.end()) continue;
        queued_ -= static_cast<std::size_t>(line.queue.end() - kept);
        out.insert(out.end(), std::make_move_iterator(kept), std::make_move_iterator(line.queue.end()));
        line.queue.erase(kept, line.queue.end());
        place(line, now);
    }
    sweep(now);
    return out;
}

CommandQueue::Time CommandQueue::wake(Time now) {
    Time when = expiries_.empty() ? Time::max() : expiries_.begin()->first;
    if (!ready_.empty()) when = std::min(when, key_ready(now));
    if (!waiting_.empty()) when = std::min(when, std::max(waiting_.begin()->first, now));
    return when;
}

std::size_t CommandQueue::pending(std::string_view call) const {
    const auto found = lines_.find(std::string(call));
    if (found == lines_.end()) return 0;
    return found->second.queue.size() + (found->second.in_flight ? 1 : 0);
}

// Calls that ended long ago leave nothing behind.
void CommandQueue::sweep(Time now) {
    if (swept_ != Time::min() && now - swept_ < RateBudget::kWindow) return;
    swept_ = now;
    for (auto it = lines_.begin(); it != lines_.end();) {
        Line& line = it->second;
        const bool over = line.queue.empty() && !line.in_flight && line.budget.at_rest(now);
        if (over) take_out(line);
        it = over ? lines_.erase(it) : std::next(it);
    }
}

}  // namespace hookswitch
