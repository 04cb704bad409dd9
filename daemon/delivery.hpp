#pragma once

// Told-only events on their way to their handlers, after the acknowledgement: in order per call and
// handler, concurrent across calls, bounded in memory. In this version the events live in memory
// only; what a handler fails at is logged and gone.
//
// Lives on its home executor, one thread. reserve() may be called on any thread, accept() too.

#include "daemon/exchange.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace hookswitch {

class Delivery : public std::enable_shared_from_this<Delivery> {
public:
    /// All that may wait here, in bytes of memory; beyond it events are refused before they are
    /// acknowledged.
    static constexpr std::size_t kMostBytes = std::size_t{256} << 20;

    explicit Delivery(boost::asio::any_io_executor home) : home_(std::move(home)) {}

    /// Makes room for an event whose body has `body_size` bytes. False: full.
    bool reserve(std::size_t body_size);
    void release(std::size_t body_size);

    /// Hands a reserved event to every one of `routes`, which are of received.routing.
    void accept(Received received, std::shared_ptr<const Event> event, std::vector<const Route*> routes,
                std::size_t body_size);

    /// Calls `done` when nothing is left to deliver; on home.
    void when_idle(std::function<void()> done);

    /// Gives up what is left, saying so for each event; on home. For the end of the drain time.
    void abandon();

private:
    // One event for one handler. `reservation` gives the bytes back with the last copy.
    struct Job {
        std::string id;
        Received received;
        std::shared_ptr<const Event> event;
        const Route* route = nullptr;
        std::shared_ptr<void> reservation;
    };
    // Jobs of one handler, by name: the name outlives a reload, the handler object does not.
    struct Lane {
        std::deque<Job> ready;
        std::unordered_map<std::string, std::deque<Job>> behind;  // by call with a job ready or in work
        std::size_t in_work = 0;
        bool pausing = false;
    };
    struct Running;

    void enqueue(Job job);
    void pump(const std::string& name);
    void start(const std::string& name, Job job);
    void finish(Running& running, Result<Outcome> outcome);
    void pause(const std::string& name, Job job);
    void next_of_call(Lane& lane, const std::string& call);
    void tell_if_idle();

    boost::asio::any_io_executor home_;
    std::atomic<std::size_t> bytes_{0};
    std::unordered_map<std::string, Lane> lanes_;
    std::size_t jobs_ = 0;
    bool abandoned_ = false;
    std::vector<std::function<void()>> idle_;
};

}  // namespace hookswitch
