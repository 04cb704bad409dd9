#pragma once

// The told-only events of one handler that are in memory: in order per call, concurrent across calls.
// An event that waits for its next attempt holds back the later events of its own call, and no other.
//
// A plain data structure: it starts nothing and reads no clock. One thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

namespace hookswitch {

struct Told;

/// One event for one handler.
struct Job {
    std::int64_t seq = 0;
    std::uint64_t call = 0;            // a hash of its id; 0: held back by nobody
    int attempts = 0;                  // made so far
    bool on_record = false;            // the journal has its attempts: whoever restarts will find it there
    std::shared_ptr<const Told> told;  // null: in the journal only
    int schedule_from = 0;             // attempts before an operator asked for it again
};

class Lane {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// At the end of its call.
    void add(Job job);

    /// A new one that failed before and is to be tried at `due`; its call waits with it.
    void restore(Job job, Time due);

    /// If this event waits for a retry, it need not wait any longer.
    void hurry(std::int64_t seq);

    /// A job from next() that is to be tried again at `due`; its call waits with it.
    void retry(Job job, Time due);

    /// The next one to be started; it is in work until retry(), put_back() or done().
    std::optional<Job> next();

    /// It could not even be begun: to the front.
    void put_back(Job job);

    /// A job from next() is finished, whatever came of it: the next one of its call may go.
    void done(const Job& job);

    /// What has waited long enough may go now.
    void wake(Time now);
    std::optional<Time> next_due() const;

    bool has_ready() const { return !ready_.empty(); }
    std::size_t in_work() const { return in_work_; }
    std::size_t size() const { return size_; }  // all: ready, held back, waiting, in work

    /// Lets go of every event that is not in work.
    void forget_events();

    /// Takes out everything that is not in work.
    std::deque<Job> take_all();

private:
    std::deque<Job> ready_;
    std::unordered_map<std::uint64_t, std::deque<Job>> behind_;  // by call of a job ready, in work, waiting
    std::multimap<Time, Job> waiting_;
    std::size_t in_work_ = 0, size_ = 0;
};

}  // namespace hookswitch
