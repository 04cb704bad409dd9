#include "daemon/lane.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace hookswitch {

void Lane::add(Job job) {
    ++size_;
    if (job.call != 0) {
        const auto [it, first] = behind_.try_emplace(job.call);
        if (!first) {
            it->second.push_back(std::move(job));
            return;
        }
    }
    ready_.push_back(std::move(job));
}

void Lane::retry(Job job, Time due) {
    waiting_.emplace(due, std::move(job));
    --in_work_;
}

void Lane::restore(Job job, Time due) {
    if (job.call != 0 && !behind_.try_emplace(job.call).second) return add(std::move(job));
    ++size_;
    waiting_.emplace(due, std::move(job));
}

void Lane::hurry(std::int64_t seq) {
    const auto it =
        std::ranges::find_if(waiting_, [&](const auto& entry) { return entry.second.seq == seq; });
    if (it == waiting_.end()) return;
    ready_.push_back(std::move(it->second));
    waiting_.erase(it);
}

std::optional<Job> Lane::next() {
    if (ready_.empty()) return std::nullopt;
    Job job = std::move(ready_.front());
    ready_.pop_front();
    ++in_work_;
    return job;
}

void Lane::put_back(Job job) {
    ready_.push_front(std::move(job));
    --in_work_;
}

void Lane::done(const Job& job) {
    --in_work_;
    --size_;
    const auto it = behind_.find(job.call);
    if (it == behind_.end()) return;
    if (it->second.empty()) {
        behind_.erase(it);
        return;
    }
    ready_.push_back(std::move(it->second.front()));
    it->second.pop_front();
}

void Lane::wake(Time now) {
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
        ready_.push_back(std::move(waiting_.begin()->second));
        waiting_.erase(waiting_.begin());
    }
}

std::optional<Lane::Time> Lane::next_due() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.begin()->first;
}

void Lane::forget_events() {
    for (Job& job : ready_) job.told.reset();
    for (auto& [due, job] : waiting_) job.told.reset();
    for (auto& [call, jobs] : behind_)
        for (Job& job : jobs) job.told.reset();
}

std::deque<Job> Lane::take_all() {
    std::deque<Job> all = std::exchange(ready_, {});
    for (auto& [due, job] : std::exchange(waiting_, {})) all.push_back(std::move(job));
    for (auto& [call, jobs] : std::exchange(behind_, {}))
        all.insert(all.end(), std::make_move_iterator(jobs.begin()), std::make_move_iterator(jobs.end()));
    size_ = in_work_;
    return all;
}

}  // namespace hookswitch
