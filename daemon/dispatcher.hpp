#pragma once

// The path of one event, from a proved body to an answer. What is told only is answered once it is
// safe; what a caller waits for is answered in time.

#include "daemon/call_registry.hpp"
#include "daemon/core/signature.hpp"
#include "daemon/dedupe.hpp"
#include "daemon/delivery.hpp"
#include "daemon/exchange.hpp"
#include "daemon/io/journal.hpp"
#include "daemon/outbox.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>

namespace hookswitch {

struct Reply {
    enum class Kind { ok, malformed, overloaded, unavailable };
    Kind kind = Kind::ok;
    Dedupe::Reply body;      // null: {}
    bool duplicate = false;  // the answer was given before
    std::string why;         // for the log, when kind is not ok
};

/// Shared by all shards; thread-safe.
class Dispatcher {
public:
    using Done = std::function<void(Reply)>;

    /// `journal` may be null: then nothing is stored. All outlive the dispatcher.
    Dispatcher(Dedupe& dedupe, CallRegistry& calls, std::shared_ptr<Delivery> delivery,
               std::shared_ptr<Outbox> outbox, Journal* journal, Metrics& metrics)
        : dedupe_(dedupe),
          calls_(calls),
          delivery_(std::move(delivery)),
          outbox_(std::move(outbox)),
          journal_(journal),
          metrics_(metrics) {}

    /// Decides, answers, remembers. Never fails: every failure is a Reply. `done` is called once, on
    /// `shard`: before this returns, or when the journal has the event, or by the deadline of the
    /// last handler. `body` must be followed by simdjson::SIMDJSON_PADDING readable bytes and stay
    /// valid until this returns, as must what `received` borrows. `timestamp` is the header field's
    /// text.
    void dispatch(const boost::asio::any_io_executor& shard, const Received& received, VerifiedBody body,
                  std::string_view timestamp, Done done);

private:
    struct Arrival;

    void ask(const Arrival& arrival, Event event, Done done);
    void tell(const Arrival& arrival, Event event, Done done);
    void store(const Arrival& arrival, const Event& event, std::shared_ptr<Told> told, Done done);
    void keep_in_memory(const Arrival& arrival, std::shared_ptr<Told> told, const Done& done);
    bool first(const Arrival& arrival, const Event& event, const Done& done);
    void follow_call(const Arrival& arrival, const Event& event);
    void answer_once_stored(const boost::asio::any_io_executor& shard, std::vector<CommandOrder> orders,
                            std::function<void()> answer);

    Dedupe& dedupe_;
    CallRegistry& calls_;
    std::shared_ptr<Delivery> delivery_;
    std::shared_ptr<Outbox> outbox_;
    Journal* journal_;
    Metrics& metrics_;
};

}  // namespace hookswitch
