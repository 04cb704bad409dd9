#include "daemon/dispatcher.hpp"

#include "daemon/core/metrics.hpp"
#include "daemon/io/log.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;

// For a disk, before an answer goes out without it. Deadlines are half a second before the platform's.
constexpr auto kPatience = std::chrono::milliseconds(100);

Milliseconds to_ms(std::chrono::system_clock::time_point time) {
    return std::chrono::floor<std::chrono::milliseconds>(time);
}

// Each once, in the order of the routes.
std::vector<std::string> handlers_for(const Received& received, const Event& event) {
    std::vector<std::string> names;
    for (const Route& route : received.routing->routes())
        if (matches(route.settings, event, received.source->name, {}) &&
            std::ranges::find(names, route.settings.handler) == names.end())
            names.push_back(route.settings.handler);
    return names;
}

bool any_wants_raw(const Routing& routing, const std::vector<std::string>& handlers) {
    return std::ranges::any_of(handlers, [&](const std::string& name) {
        const RoutedHandler* routed = routing.handler(name);
        return routed && routed->handler->wants_raw();
    });
}

std::string lines_of(const std::vector<std::string>& names) {
    std::string lines;
    for (const std::string& name : names) lines += (lines.empty() ? "" : "\n") + name;
    return lines;
}

}  // namespace

// One delivery, while it is being dispatched. Borrows what dispatch() does.
struct Dispatcher::Arrival {
    const asio::any_io_executor& shard;
    const Received& received;
    std::string_view body;
    std::string id;
    DeliveryKey key;

    JournalEntry entry(const Event& event, std::optional<std::string_view> handlers) const {
        return {id,
                to_ms(received.wall),
                event.type,
                name_of(event.dialect),
                received.source->name,
                event.call_id,
                event.status.value_or(""),
                event.caller.value_or(""),
                event.called.value_or(""),
                handlers,
                bytes_of(key),
                received.head,
                body};
    }
};

// The duplicate check comes after the parse, because only the parse tells whether a body has a time
// of its own, and so what makes it the same delivery. Both are well after the signature.
void Dispatcher::dispatch(const asio::any_io_executor& shard, const Received& received, VerifiedBody body,
                          std::string_view timestamp, Done done) {
    auto event = parse_padded_event(body.text(), received.source->dialect.value_or(Dialect::snake));
    if (!event) return done({Reply::Kind::malformed, {}, false, event.error().what()});

    if (received.kind) *received.kind = event->kind;
    const bool timeless = !event->sent_at && !event->sent_at_text;
    const auto key =
        delivery_key(received.source->name, body.text(), timeless ? timestamp : std::string_view());
    const Arrival arrival{shard, received, body.text(), new_event_id(received.wall), key};
    if (!first(arrival, *event, done)) return;
    follow_call(arrival, *event);
    wants_reply(event->kind) ? ask(arrival, std::move(*event), std::move(done))
                             : tell(arrival, std::move(*event), std::move(done));
}

// False: it came before, and `done` has or will have the answer that it got then.
bool Dispatcher::first(const Arrival& arrival, const Event& event, const Done& done) {
    const Received& received = arrival.received;
    const auto waiter = [&arrival, &done]() -> Dedupe::Waiter {
        return [shard = arrival.shard, done](std::optional<Dedupe::Reply> reply) {
            asio::dispatch(shard, [done, reply] {
                if (reply) return done({Reply::Kind::ok, *reply, true, {}});
                done({Reply::Kind::unavailable, {}, false, "its first copy could not be stored"});
            });
        };
    };
    const auto claimed = dedupe_.claim(arrival.key, received.at, received.routing->dedupe_window(), waiter);
    const bool duplicate = claimed.claim != Dedupe::Claim::first;
    if (duplicate && received.source->metrics) received.source->metrics->duplicates[event.kind].add();
    if (log::enabled(log::Level::info))
        log::info("event.accepted", kv("id", arrival.id), kv("type", event.type), kv("call", event.call_id),
                  kv("source", received.source->name), kv("status", event.status.value_or("")),
                  log::number("caller", event.caller.value_or("")), kv("dialect", name_of(event.dialect)),
                  kv("peer", received.peer), kv("duplicate", duplicate));
    if (claimed.claim == Dedupe::Claim::answered) done({Reply::Kind::ok, claimed.reply, true, {}});
    return !duplicate;
}

void Dispatcher::follow_call(const Arrival& arrival, const Event& event) {
    const std::string_view status = event.status.value_or("");
    const auto progress =
        calls_.follow(call_event(event, arrival.received.source->name, to_ms(arrival.received.wall)));
    using enum CallProgress::Effect;
    if (progress.effect != late && progress.effect != repeated) return;
    if (progress.effect == late) metrics_.out_of_order.add();
    log::info("call.out_of_order", kv("id", arrival.id), kv("call", event.call_id), kv("type", event.type),
              kv("status", status), kv("state", name_of(progress.state)),
              kv("why", progress.effect == late ? "the call is further than that" : "it came before"));
}

void Dispatcher::ask(const Arrival& arrival, Event event, Done done) {
    std::shared_ptr<Journal::Ticket> ticket;
    if (journal_) ticket = journal_->append(arrival.entry(event, std::nullopt));
    auto exchange = std::make_shared<Exchange>(arrival.shard, arrival.id, arrival.received,
                                               std::make_shared<const Event>(std::move(event)), outbox_);
    exchange->start([this, key = arrival.key, ticket, shard = arrival.shard, done = std::move(done)](
                        std::string text, Exchange& ended) {
        const auto reply = std::make_shared<const std::string>(std::move(text));
        if (ticket)
            journal_->answered(ticket, {to_ms(std::chrono::system_clock::now()), *reply, ended.account()});
        dedupe_.settle(key, reply);
        auto orders = ended.take_orders();
        if (orders.empty()) return done({Reply::Kind::ok, reply, false, {}});
        answer_once_stored(shard, std::move(orders), [done, reply] {
            done({Reply::Kind::ok, reply, false, {}});
        });
    });
}

// Once the platform has its answer it does not ask again: what the handler wants of the call must not
// be lost then. But the caller waits, and no disk is waited for long.
void Dispatcher::answer_once_stored(const asio::any_io_executor& shard, std::vector<CommandOrder> orders,
                                    std::function<void()> answer) {
    auto once = std::make_shared<std::function<void()>>(std::move(answer));
    auto timer = std::make_shared<asio::steady_timer>(shard, kPatience);
    const auto give = [once, timer] {
        timer->cancel();
        if (const auto give_answer = std::exchange(*once, nullptr)) give_answer();
    };
    timer->async_wait([give](const boost::system::error_code& ec) {
        if (!ec) give();
    });
    outbox_->post(std::move(orders), shard, give);
}

void Dispatcher::tell(const Arrival& arrival, Event event, Done done) {
    auto handlers = handlers_for(arrival.received, event);
    if (handlers.empty()) {
        if (journal_) return store(arrival, event, nullptr, std::move(done));
        dedupe_.settle(arrival.key, nullptr);
        return done({});
    }
    auto told = std::make_shared<Told>();
    told->id = arrival.id;
    told->source = arrival.received.source->name;
    told->call = event.call_id;
    told->received_at = to_ms(arrival.received.wall);
    told->handlers = std::move(handlers);
    told->reservation = delivery_->reserve(arrival.body.size());
    if (journal_ && !told->reservation) return store(arrival, event, std::move(told), std::move(done));
    told->event = std::move(event);
    told->trace = trace_in(arrival.received.head);
    if (any_wants_raw(*arrival.received.routing, told->handlers))
        told->raw = std::make_shared<const RawRequest>(
            RawRequest{std::string(arrival.received.head), std::string(arrival.body)});
    if (!journal_) return keep_in_memory(arrival, std::move(told), done);
    const Event& kept = told->event;
    store(arrival, kept, std::move(told), std::move(done));
}

void Dispatcher::store(const Arrival& arrival, const Event& event, std::shared_ptr<Told> told, Done done) {
    const std::string handlers = told ? lines_of(told->handlers) : std::string();
    auto stored = [this, key = arrival.key, done = std::move(done)](Result<std::int64_t> seq) {
        if (seq) {
            dedupe_.settle(key, nullptr);
            return done({});
        }
        dedupe_.forget(key);
        done({Reply::Kind::unavailable, {}, false, seq.error().what()});
    };
    journal_->append(arrival.entry(event, handlers), arrival.shard, std::move(stored), std::move(told));
}

void Dispatcher::keep_in_memory(const Arrival& arrival, std::shared_ptr<Told> told, const Done& done) {
    if (!told->reservation) {
        dedupe_.forget(arrival.key);
        return done({Reply::Kind::overloaded, {}, false, "too many events wait for their handlers"});
    }
    delivery_->accept(std::move(told));
    dedupe_.settle(arrival.key, nullptr);
    done({});
}

}  // namespace hookswitch
