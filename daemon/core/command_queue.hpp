#pragma once

// Which call-control command is sent next, and which is never sent. Each call has a queue, in order and
// one in flight at a time; among the calls the most urgent command goes first (end-call and transfer,
// then inject-context, then say), and of those the oldest. Where a call had to wait for its budget the
// most urgent of its own goes first too: an end-call must not wait behind ten sentences.
//
// What cannot be sent within its time to live is given back by expired(), never sent late.
// Takes the time as an argument; one thread.

#include "daemon/core/call_command.hpp"
#include "daemon/core/rate_budget.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hookswitch {

struct QueuedCommand {
    std::uint64_t number = 0;  // the caller's; increasing: the order of commands
    std::string call;
    CallCommand command;
    std::chrono::steady_clock::time_point expires;
};

class CommandQueue {
public:
    using Time = std::chrono::steady_clock::time_point;

    static constexpr std::size_t kMostOfCall = 32;
    static constexpr std::size_t kMost = 10'000;

    // For end-call and transfer besides: nothing less urgent takes their place.
    static constexpr std::size_t kUrgentOfCall = 8;
    static constexpr std::size_t kUrgent = 1'000;

    // Protocol 6.3; answers may tell other limits.
    explicit CommandQueue(std::int64_t per_key = 100, std::int64_t per_call = 10)
        : key_(per_key), per_call_(per_call) {}

    /// False: its call's queue, or all together, is full.
    bool add(QueuedCommand command);

    /// The next to be sent; it is then in flight. nullopt: none may go now. After expired(now).
    std::optional<QueuedCommand> next(Time now);

    /// In flight, and not sent after all (a 429): first of its call again.
    void put_back(QueuedCommand command);

    /// In flight, and done with.
    void done(const std::string& call);

    /// Everything that is queued for a call, taken out: it has ended.
    std::vector<QueuedCommand> drop(const std::string& call);

    /// Everything that is queued, taken out.
    std::vector<QueuedCommand> drop_all();

    /// What was not sent in time, taken out.
    std::vector<QueuedCommand> expired(Time now);

    /// When next() or expired() may have something; Time::max(): not without a call of something else.
    Time wake(Time now);

    RateBudget& key_budget() { return key_; }
    RateBudget& call_budget(const std::string& call) { return line(call).budget; }
    std::int64_t call_limit() const { return per_call_; }

    std::size_t in_flight() const { return in_flight_; }
    std::size_t size() const { return queued_; }
    std::size_t pending(std::string_view call) const;  // queued or in flight

private:
    struct Line {
        explicit Line(std::int64_t limit) : budget(limit) {}
        std::deque<QueuedCommand> queue;
        RateBudget budget;
        bool in_flight = false;
        bool held = false;  // by its budget
        // Where it is to be found, if it is.
        std::optional<std::pair<CallCommand::Type, std::uint64_t>> ready;
        std::optional<std::multimap<Time, Line*>::iterator> waiting;
    };

    Line& line(const std::string& call);
    void place(Line& line, Time now);
    void take_out(Line& line);
    static std::deque<QueuedCommand>::iterator most_urgent(Line& line);
    static std::deque<QueuedCommand>::iterator candidate(Line& line);
    void make_ready(Line& line);
    Time key_ready(Time now);
    void release_waiting(Time now);
    void sweep(Time now);

    RateBudget key_;
    std::int64_t per_call_;
    std::unordered_map<std::string, Line> lines_;
    std::map<std::pair<CallCommand::Type, std::uint64_t>, Line*> ready_;
    std::multimap<Time, Line*> waiting_;         // for their call's budget
    std::multimap<Time, std::string> expiries_;  // of queued commands, also of some that are gone
    std::size_t queued_ = 0, in_flight_ = 0;
    Time swept_ = Time::min();
};

}  // namespace hookswitch
