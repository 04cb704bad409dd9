#pragma once

// Deliveries that wait for their turn in a replay: any number of calls at once, but of one call one
// delivery at a time, in the recorded order, as the platform would send them.

#include "daemon/replay_source.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

namespace hookswitch {

struct PendingDelivery {
    Recorded recorded;
    std::string call, event;  // empty: the body does not say
    std::optional<std::chrono::steady_clock::time_point> due;
};

/// For coroutines of one thread: one that pushes, any number that take.
class ReplayQueue {
public:
    ReplayQueue(const boost::asio::any_io_executor& executor, std::size_t limit)
        : limit_(limit),
          can_push_(executor, Clock::time_point::max()),
          can_take_(executor, Clock::time_point::max()) {}

    /// Waits while the queue is full.
    boost::asio::awaitable<void> push(PendingDelivery delivery) {
        while (pending_.size() >= limit_) co_await can_push_.async_wait(kAnyResult);
        pending_.push_back(std::move(delivery));
        can_take_.cancel_one();
    }

    /// The first whose call has nothing in work; nullopt once all is taken and nothing will follow.
    /// `done` must be called with what was taken.
    boost::asio::awaitable<std::optional<PendingDelivery>> take() {
        for (;;) {
            const auto free = std::find_if(
                pending_.begin(), pending_.end(),
                [this](const PendingDelivery& delivery) { return !in_work_.contains(delivery.call); });
            if (free != pending_.end()) {
                PendingDelivery taken = std::move(*free);
                pending_.erase(free);
                if (!taken.call.empty()) in_work_.insert(taken.call);
                can_push_.cancel_one();
                co_return taken;
            }
            if (closed_ && pending_.empty()) co_return std::nullopt;
            co_await can_take_.async_wait(kAnyResult);
        }
    }

    void done(const PendingDelivery& delivery) {
        in_work_.erase(delivery.call);
        if (closed_)
            can_take_.cancel();  // this may have been the last one: everybody has to hear
        else
            can_take_.cancel_one();
    }

    /// Nothing will follow.
    void close() {
        closed_ = true;
        can_take_.cancel();
    }

    /// The same, and what waits is not sent either.
    void abandon() {
        pending_.clear();
        close();
    }

private:
    using Clock = std::chrono::steady_clock;
    // A wait ends when somebody cancels the timer; whether there is cause to go on is looked at then.
    static constexpr auto kAnyResult = boost::asio::as_tuple(boost::asio::use_awaitable);

    std::size_t limit_;
    std::deque<PendingDelivery> pending_;
    std::unordered_set<std::string> in_work_;
    bool closed_ = false;
    boost::asio::steady_timer can_push_, can_take_;
};

}  // namespace hookswitch
