#pragma once

// The path of one event, from a proved body to an answer.

#include "daemon/core/signature.hpp"
#include "daemon/dedupe.hpp"
#include "daemon/delivery.hpp"
#include "daemon/exchange.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>

namespace hookswitch {

struct Reply {
    enum class Kind { ok, malformed, overloaded };
    Kind kind = Kind::ok;
    Dedupe::Reply body;      // null: {}
    bool duplicate = false;  // the answer was given before
    std::string why;         // for the log, when kind is not ok
};

/// Shared by all shards; thread-safe.
class Dispatcher {
public:
    using Done = std::function<void(Reply)>;

    Dispatcher(Dedupe& dedupe, std::shared_ptr<Delivery> delivery)
        : dedupe_(dedupe), delivery_(std::move(delivery)) {}

    /// Decides, answers, remembers. Never fails: every failure is a Reply. `done` is called once, on
    /// `shard`: before this returns for most events, by the deadline of the last handler at the
    /// latest. `body` must be followed by simdjson::SIMDJSON_PADDING readable bytes and stay valid
    /// until this returns. `timestamp` is the header field's text.
    void dispatch(const boost::asio::any_io_executor& shard, const Received& received, VerifiedBody body,
                  std::string_view timestamp, Done done);

private:
    void tell(const Received& received, const DeliveryKey& key, Event event, std::size_t body_size,
              const Done& done);

    Dedupe& dedupe_;
    std::shared_ptr<Delivery> delivery_;
};

}  // namespace hookswitch
