#include "daemon/server.hpp"

#include "daemon/io/log.hpp"
#include "daemon/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using log::kv;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Connections over the limit that are told so; those over this are closed without a word.
constexpr std::size_t kToldOff = 256;

void report(std::exception_ptr thrown, const char* where) {
    if (!thrown) return;
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        log::error("server.exception", kv("where", where), kv("why", e.what()));
    }
}

// Runs a shard's context dry. A bug in one handler of an event must not take the others' calls along.
void run_dry(asio::io_context& context) {
    for (;;) {
        try {
            context.run();
            return;
        } catch (const std::exception&) {
            report(std::current_exception(), "shard");
        }
    }
}

std::uint64_t random_seed() {
    std::random_device random;
    return (std::uint64_t{random()} << 32) | random();
}

}  // namespace

Server::Server(ServerSettings settings, Metrics& metrics)
    : settings_(std::move(settings)),
      metrics_(metrics.connections),
      senders_(settings_.failed_signatures, random_seed()) {
    for (std::size_t i = 0; i < shard_count(settings_); ++i) {
        shards_.push_back(std::make_unique<Shard>(settings_, metrics, senders_));
        guards_.push_back(asio::make_work_guard(shards_.back()->context));
    }
}

Server::~Server() {
    guards_.clear();
    for (auto& thread : threads_)
        if (thread.joinable()) thread.join();
}

Result<> Server::listen() {
    for (const std::string& where : settings_.listen) {
        TRY(auto opened, open_listeners(home(), where));
        for (Listener& listener : opened) {
            log::info("server.listening", kv("address", listener.address));
            listeners_.push_back(std::move(listener));
        }
    }
    keep_across_restarts(listeners_);
    return {};
}

void Server::start(Dispatcher& dispatcher, std::shared_ptr<const Routing> routing) {
    dispatcher_ = &dispatcher;
    use(std::move(routing));
    for (auto& shard : shards_) asio::post(shard->context, [s = shard.get()] { s->start_ticking(); });
    for (std::size_t i = 1; i < shards_.size(); ++i)
        threads_.emplace_back([shard = shards_[i].get()] { run_dry(shard->context); });
    for (Listener& listener : listeners_)
        asio::co_spawn(home(), accept_from(listener), [](std::exception_ptr e) { report(e, "accept"); });
}

Shard& Server::next_shard() { return *shards_[next_++ % shards_.size()]; }

asio::awaitable<void> Server::accept_from(Listener& listener) {
    for (;;) {
        Shard& shard = next_shard();
        auto [ec, socket] = co_await listener.acceptor.async_accept(shard.context, kAwait);
        if (!listener.acceptor.is_open() && ec) co_return;
        if (!ec) {
            place(shard, std::move(socket));
            continue;
        }
        // Out of descriptors, most likely; the queue waits until some are free again.
        log::error("server.accept_failed", kv("address", listener.address), kv("why", ec.message()));
        asio::steady_timer pause(home(), std::chrono::milliseconds(100));
        co_await pause.async_wait(kAwait);
    }
}

void Server::accept_queued(Listener& listener) {
    error_code ec;
    listener.acceptor.non_blocking(true, ec);
    while (!ec) {
        Shard& shard = next_shard();
        Session::Socket socket(shard.context);
        listener.acceptor.accept(socket, ec);
        if (!ec) place(shard, std::move(socket));
    }
}

void Server::place(Shard& shard, Session::Socket socket) {
    asio::dispatch(shard.context, [this, &shard, socket = std::move(socket)]() mutable {
        start_session(shard, std::move(socket));
    });
}

void Server::start_session(Shard& shard, Session::Socket socket) {
    const std::size_t open = ++connections_;
    metrics_.accepted.add();
    const bool refused = open > settings_.max_connections && !make_room(shard);
    if (refused) metrics_.refused.add();
    if (refused && open > settings_.max_connections + kToldOff) {
        --connections_;
        return;
    }
    error_code ignored;  // a Unix socket has no such option
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    metrics_.open.add(1);
    if (refused && shard.refusals.pass(Session::Clock::now()))
        log::warn("connection.refused", kv("why", "max_connections"), kv("open", open));
    auto session = std::make_shared<Session>(shard, std::move(socket), *dispatcher_, refused);
    shard.add(*session);
    auto ended = [this, &shard, session](std::exception_ptr e) {
        report(e, "session");
        --connections_;
        metrics_.open.add(-1);
        shard.remove(*session);
    };
    asio::co_spawn(shard.context, session->run(), std::move(ended));
}

// For a connection to `shard`. Another shard's stranger goes a moment later.
bool Server::make_room(Shard& shard) {
    if (shard.evict_stranger()) return true;
    for (const auto& other : shards_) {
        if (!other->has_stranger()) continue;
        asio::post(other->context, [s = other.get()] { s->evict_stranger(); });
        return true;
    }
    return false;
}

// Runs `f(shard, finished)` on each shard; `done` on home after every `finished`.
template <class F>
void Server::on_every_shard(F f, std::function<void()> done) {
    auto left = std::make_shared<std::size_t>(shards_.size());
    const auto finished = [this, left, done = std::move(done)] {
        asio::post(home(), [left, done] {
            if (--*left == 0 && done) done();
        });
    };
    for (auto& shard : shards_)
        asio::post(shard->context, [f, finished, s = shard.get()] { f(*s, finished); });
}

void Server::use(std::shared_ptr<const Routing> routing, std::function<void()> done) {
    senders_.forgive();
    const auto hand_over = [routing](Shard& shard, const auto& finished) {
        // A reference count of its own per shard, so that requests on different cores do not share
        // a cache line.
        shard.routing = std::shared_ptr<const Routing>(routing.get(), [routing](const Routing*) {});
        finished();
    };
    on_every_shard(hand_over, std::move(done));
}

void Server::drain(std::function<void()> done) {
    for (Listener& listener : listeners_) {
        accept_queued(listener);
        error_code ignored;
        listener.acceptor.close(ignored);
        if (!listener.unix_path.empty()) unlink(listener.unix_path.c_str());
    }
    on_every_shard([](Shard& shard, auto finished) { shard.drain(finished); }, std::move(done));
}

void Server::abort() {
    on_every_shard([](Shard& shard, auto) { shard.abort(); }, {});
}

void Server::ping(std::function<void()> done) {
    on_every_shard([](Shard&, auto finished) { finished(); }, std::move(done));
}

void Server::release() {
    on_every_shard([](Shard& shard, auto) { shard.stop_ticking(); }, {});
    guards_.clear();
}

void Server::run() {
    run_dry(home());
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

}  // namespace hookswitch
