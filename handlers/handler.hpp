#pragma once

// The one extension point. Rules, worker processes and whatever comes later are all this interface
// and are told apart nowhere else.
//
// An answer is a call-back, not a coroutine to await, because a deadline must hold whatever the
// handler does: a caller that awaits can only cancel and hope, a caller that was promised a
// call-back simply stops listening. It also costs nothing when the handler answers at once.

#include "daemon/core/invocation.hpp"
#include "daemon/core/outcome.hpp"
#include "daemon/core/result.hpp"

#include <functional>
#include <utility>

namespace hookswitch {

/// Where a handler puts its answer: at most once, on any thread, within handle() or later, also
/// after the deadline (it is then counted and dropped). One that is destroyed without an answer
/// counts as a failure, so no event can be forgotten. Move-only.
class Answer {
public:
    using Receiver = std::function<void(Result<Outcome>)>;

    Answer() = default;
    explicit Answer(Receiver receiver) : receiver_(std::move(receiver)) {}
    Answer(Answer&& other) noexcept : receiver_(std::exchange(other.receiver_, nullptr)) {}
    Answer& operator=(Answer&& other) noexcept {
        std::swap(receiver_, other.receiver_);
        return *this;
    }
    ~Answer() {
        if (receiver_) (*this)(fail(Errc::handler_failed, "the handler dropped the event"));
    }

    void operator()(Result<Outcome> outcome) {
        if (auto receiver = std::exchange(receiver_, nullptr)) receiver(std::move(outcome));
    }

private:
    Receiver receiver_;
};

class Handler {
public:
    virtual ~Handler() = default;

    /// Decides about one event and says so through `answer`.
    ///
    /// Called on any shard, for many events at once; it must not block. An error means "no
    /// decision": the route's fallback is given. Errc::overloaded means that the event was not even
    /// begun, Errc::in_work that an earlier attempt at it goes on, Errc::rejected that another one would
    /// not help. The deadline is the dispatcher's to keep; a handler reads it only to tell whoever it
    /// asks how long there is. Delivery is at least once: the same id can come again with a higher
    /// `attempt`.
    virtual void handle(Invocation invocation, Answer answer) = 0;

    /// Whether it forwards requests as they came. It then gets Invocation::raw, and of a tool-calls event
    /// one invocation for all tool calls that are routed to it, without a `tool_call`; it answers with
    /// Outcome::raw. Any thread.
    virtual bool wants_raw() const { return false; }

    /// How many told-only events it can work at, at once. More would only wait in its queue while
    /// their time runs. Any thread.
    virtual std::size_t told_only_slots() const { return 16; }
};

}  // namespace hookswitch
