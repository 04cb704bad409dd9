#include "daemon/dispatcher.hpp"

#include "daemon/io/log.hpp"

#include <boost/asio/dispatch.hpp>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;

void log_accepted(const Received& received, const Event& event, bool duplicate) {
    if (!log::enabled(log::Level::info)) return;
    log::info("event.accepted", kv("type", event.type), kv("call", event.call_id),
              kv("source", received.source->name), kv("status", event.status.value_or("")),
              log::number("caller", event.caller.value_or("")), kv("dialect", name_of(event.dialect)),
              kv("peer", received.peer), kv("duplicate", duplicate));
}

std::vector<const Route*> matching_routes(const Routing& routing, const Event& event,
                                          std::string_view source) {
    std::vector<const Route*> found;
    for (const Route& route : routing.routes())
        if (matches(route.settings, event, source, {})) found.push_back(&route);
    return found;
}

}  // namespace

// The duplicate check comes after the parse, because only the parse tells whether a body has a time
// of its own, and so what makes it the same delivery. Both are well after the signature.
void Dispatcher::dispatch(const asio::any_io_executor& shard, const Received& received, VerifiedBody body,
                          std::string_view timestamp, Done done) {
    auto event = parse_padded_event(body.text(), received.source->dialect.value_or(Dialect::snake));
    if (!event) return done({Reply::Kind::malformed, {}, false, event.error().what()});

    const bool timeless = !event->sent_at && !event->sent_at_text;
    const auto key =
        delivery_key(received.source->name, body.text(), timeless ? timestamp : std::string_view());
    if (!wants_reply(event->kind)) return tell(received, key, std::move(*event), body.text().size(), done);

    const auto waiter = [shard, done](Dedupe::Reply reply) {
        asio::dispatch(shard, [done, reply] { done({Reply::Kind::ok, reply, true, {}}); });
    };
    const auto claimed = dedupe_.claim(key, received.at, received.routing->dedupe_window(), waiter);
    log_accepted(received, *event, claimed.claim != Dedupe::Claim::first);
    if (claimed.claim == Dedupe::Claim::in_work) return;
    if (claimed.claim == Dedupe::Claim::answered) return done({Reply::Kind::ok, claimed.reply, true, {}});

    auto exchange =
        std::make_shared<Exchange>(shard, received, std::make_shared<const Event>(std::move(*event)));
    exchange->start([this, key, done = std::move(done)](std::string text) {
        const auto reply = std::make_shared<const std::string>(std::move(text));
        dedupe_.settle(key, reply);
        done({Reply::Kind::ok, reply, false, {}});
    });
}

// Room is made before the delivery is claimed, so that a refusal leaves no trace of it.
void Dispatcher::tell(const Received& received, const DeliveryKey& key, Event event, std::size_t body_size,
                      const Done& done) {
    auto routes = matching_routes(*received.routing, event, received.source->name);
    if (!routes.empty() && !delivery_->reserve(body_size))
        return done({Reply::Kind::overloaded, {}, false, "too many events wait for their handlers"});

    const auto claimed = dedupe_.claim(key, received.at, received.routing->dedupe_window(), {});
    const bool duplicate = claimed.claim != Dedupe::Claim::first;
    log_accepted(received, event, duplicate);
    if (!duplicate) dedupe_.settle(key, nullptr);
    if (!routes.empty() && duplicate) delivery_->release(body_size);
    if (!routes.empty() && !duplicate)
        delivery_->accept(received, std::make_shared<const Event>(std::move(event)), std::move(routes),
                          body_size);
    done({Reply::Kind::ok, {}, duplicate, {}});
}

}  // namespace hookswitch
