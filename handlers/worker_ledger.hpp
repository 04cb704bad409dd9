#pragma once

// Which events a handler has, and where each is: waiting, or in work at one worker. Decides
// who is next; starts nothing, waits for nothing and reads no clock.

#include "handlers/handler.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hookswitch {

class WorkerLedger {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::size_t kWaiting = static_cast<std::size_t>(-1);

    class Entry {
    public:
        Invocation invocation;
        std::size_t worker = kWaiting;  // or the worker that has it
        int attempt = 0;                // how often it was given to a worker
        bool missed = false;            // its deadline has passed while a worker had it

    private:
        friend class WorkerLedger;
        Answer answer_;
        std::list<Entry>::iterator self_;
        std::multimap<Time, Entry*>::iterator due_;
    };

    explicit WorkerLedger(std::size_t workers) : at_worker_(workers) {}

    /// At the end of its queue, due at its deadline. False, with the answer untouched, if an event
    /// with this id is here already.
    bool add(Invocation invocation, Answer& answer);

    /// The event to begin when one of `slots` is free; null if none may. Waited-for events go first;
    /// told-only events leave one slot alone, unless there is only one.
    Entry* next(std::size_t slots);

    /// Whether next() would return such an event if there were no other.
    bool may_begin(bool waited_for, std::size_t slots) const;

    void give(Entry& entry, std::size_t worker);  ///< to a worker; one attempt more
    void take_back(Entry& entry);                 ///< to the front of its queue
    void undo_give(Entry& entry);                 ///< the same, when the worker never got it
    void set_due(Entry& entry, Time time);
    Answer take_answer(Entry& entry);  ///< all else stays; to be given early
    Answer remove(Entry& entry);       ///< its id is remembered for a while

    Entry* find(std::string_view id);  ///< null: not here
    bool removed_lately(std::string_view id) const;
    Entry* first();  ///< any; null: empty
    Entry* first_waiting(bool waited_for);
    Entry* last_at(std::size_t worker);  ///< the one it was given last
    Entry* due_by(Time now);
    std::optional<Time> next_due() const;

    std::size_t waiting(bool waited_for) const { return waiting_[waited_for ? 0 : 1].size(); }
    std::size_t at(std::size_t worker) const { return at_worker_[worker].size(); }
    bool empty() const { return by_id_.empty(); }

private:
    using List = std::list<Entry>;

    List& queue_of(const Entry& entry);
    List& list_of(const Entry& entry);

    std::array<List, 2> waiting_;  // waited-for, told-only
    std::vector<List> at_worker_;
    std::unordered_map<std::string_view, Entry*> by_id_;
    std::multimap<Time, Entry*> due_;
    std::size_t told_only_in_work_ = 0;

    std::array<std::string, 256> removed_;  // ids; for workers that answer twice
    std::size_t removed_next_ = 0;
};

}  // namespace hookswitch
