#include "daemon/session.hpp"

#include "daemon/core/address.hpp"
#include "daemon/io/log.hpp"
#include "daemon/refusal.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstring>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using log::kv;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kLinger = seconds(2);     // for the peer to read why we close
constexpr auto kParkAfter = seconds(1);  // of idling, a connection waits without a buffer

}  // namespace

Session::Session(Shard& shard, Socket socket, Dispatcher& dispatcher, bool refused)
    : shard_(shard), socket_(std::move(socket)), dispatcher_(dispatcher), refused_(refused) {
    filled_ = Clock::now();
    error_code ignored;  // a socket that died in the accept queue shows itself at the first read
    socket_.non_blocking(true, ignored);
}

void Session::enter(Phase phase, milliseconds limit) {
    phase_ = phase;
    expires_ = Clock::now() + limit;
}

void Session::expire_if_due(Clock::time_point now) {
    error_code ignored;
    if (now < expires_) {
        if (phase_ != Phase::idle || !buffer_.data || now < filled_ + kParkAfter) return;
        parking_ = true;
        socket_.cancel(ignored);
        return;
    }
    // During a drain a request may have come in this very moment; it will be answered.
    if (phase_ == Phase::idle && socket_.available(ignored) > 0) return;
    expires_ = Clock::time_point::max();
    expired_ = true;
    socket_.cancel(ignored);
}

void Session::drain(Clock::time_point idle_until) {
    if (phase_ == Phase::idle) expires_ = std::min(expires_, idle_until);
}

void Session::abort() {
    aborted_ = true;
    error_code ignored;
    socket_.close(ignored);
    // Not at once: the session could end, and the shard is looking through its sessions.
    if (resume_) asio::post(socket_.get_executor(), std::exchange(resume_, nullptr));
}

void Session::wake() {
    if (const auto resume = std::exchange(resume_, nullptr)) resume();
}

asio::awaitable<void> Session::run() {
    Next next = Next::keep;
    if (refused_) next = co_await refuse_connection();
    while (next == Next::keep && co_await await_request()) next = co_await serve_one();
    if (next == Next::close) co_await linger();
    shard_.buffers.give(std::exchange(buffer_, {}));
}

asio::awaitable<Session::Next> Session::refuse_connection() {
    const std::string body = error_body("overloaded", "Too many connections; try again.");
    RequestHead none;
    HttpReply reply;
    reply.status = 503;
    reply.body = body;
    reply.close = true;
    reply.retry_after = "1";
    co_return co_await respond(reply, none);
}

asio::awaitable<Session::Next> Session::serve_one() {
    Request request;
    auto read = co_await read_head(request);
    if (read) read = co_await read_body(request);
    Next next = Next::close;
    if (read)
        next = co_await answer(request);
    else
        next = co_await refuse(request, std::move(read).error());
    if (next == Next::keep) consume(request.size);
    co_return next;
}

asio::awaitable<Session::Next> Session::answer(Request& request) {
    const RequestHead& head = request.head;
    const SignatureHeaders proof{head.signature, head.timestamp};
    auto body = verify(request.source->signature, proof, request.body, wall_);
    if (!body) {
        request.source->metrics->rejected_signatures.add();
        co_return co_await refuse(request, std::move(body).error());
    }

    Reply reply = co_await reply_to(request, *body);
    if (aborted_) co_return Next::close;
    if (reply.kind == Reply::Kind::malformed)
        co_return co_await refuse(request, fail(Errc::malformed_body, std::move(reply.why)));
    if (reply.kind == Reply::Kind::overloaded)
        co_return co_await refuse(request, fail(Errc::overloaded, std::move(reply.why)));
    if (reply.kind == Reply::Kind::unavailable)
        co_return co_await refuse(request, fail(Errc::unavailable, std::move(reply.why)));
    HttpReply http;
    if (reply.body) http.body = *reply.body;
    http.duplicate = reply.duplicate;
    count(request, http.status);
    co_return co_await respond(http, head);
}

// The call-back comes exactly once, and but for an abort, which ends the session, this waits for it: a
// reply cannot meet another request.
asio::awaitable<Reply> Session::reply_to(Request& request, VerifiedBody body) {
    phase_ = Phase::working;
    expires_ = Clock::time_point::max();
    Received received{request.routing, request.source, received_, wall_, {}, {}};
    received.kind = &request.kind;
    received.head = buffered().substr(0, request.head_size);
    if (log::enabled(log::Level::info)) received.peer = peer(request.head);
    reply_.reset();
    auto done = [self = shared_from_this()](Reply reply) {
        self->reply_ = std::move(reply);
        self->wake();
    };
    dispatcher_.dispatch(socket_.get_executor(), received, body, request.head.timestamp, std::move(done));
    if (!reply_ && !aborted_) co_await woken();
    co_return reply_ ? *std::exchange(reply_, std::nullopt) : Reply();
}

// Until wake(), which resumes at once: a timer to be cancelled would take a turn through the queues
// of both.
asio::awaitable<void> Session::woken() {
    auto keep = [this](auto handler) {
        resume_ = [kept = std::make_shared<decltype(handler)>(std::move(handler))] { std::move (*kept)(); };
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(keep, asio::use_awaitable);
}

asio::awaitable<Session::Next> Session::refuse(Request& request, Error why) {
    const RequestHead& head = request.head;
    if (why == Errc::connection_closed) {
        if (size_ > 0) log::debug("request.incomplete", kv("peer", peer(head)), kv("bytes", size_));
        co_return Next::close;
    }
    const Refusal& refusal = refusal_for(why);
    count(request, refusal.status);
    // A stranger must not be able to fill the log.
    if (const auto held_back = shard_.refusals.pass(Clock::now()))
        log::warn(why == Errc::malformed_body ? "event.malformed" : "request.refused",
                  kv("status", refusal.status), kv("why", why.what()), kv("peer", peer(head)),
                  kv("source", request.source ? request.source->name : ""), kv("suppressed", *held_back));

    // A body that is still on its way cannot be skipped safely; one that is here can.
    const bool early = why == Errc::not_found || why == Errc::method_not_allowed;
    const std::size_t body = head.content_length.value_or(0);
    const bool skip = early && !head.chunked && size_ - request.size >= body && head.method != "HEAD";
    if (skip) request.size += body;

    const std::string text = error_body(refusal.name, refusal.message);
    HttpReply reply;
    reply.status = refusal.status;
    reply.body = text;
    reply.close = refusal.close && !skip;
    reply.head_only = head.method == "HEAD";
    if (refusal.status == 503) reply.retry_after = "1";
    co_return co_await respond(reply, head);
}

void Session::count(const Request& request, int status) {
    SourceMetrics& metrics = request.source ? *request.source->metrics : shard_.strangers;
    metrics.requests[request.kind][status].add();
}

asio::awaitable<Session::Next> Session::respond(HttpReply reply, const RequestHead& head) {
    reply.close = reply.close || !head.keep_alive || shard_.draining();
    reply.say_keep_alive = head.http10;
    enter(Phase::writing, shard_.settings.request_timeout);
    expired_ = false;
    std::string& out = shard_.scratch;
    out.clear();
    shard_.writer.append(out, reply, std::chrono::system_clock::now());
    error_code ec;
    const std::size_t written = socket_.write_some(asio::buffer(out), ec);
    if (ec && ec != asio::error::would_block) co_return Next::close;
    if (written < out.size()) {
        std::string rest = out.substr(written);
        if (!co_await write_rest(std::move(rest))) co_return Next::close;
    }
    co_return reply.close ? Next::close : Next::keep;
}

asio::awaitable<bool> Session::write_rest(std::string rest) {
    auto [ec, n] = co_await asio::async_write(socket_, asio::buffer(rest), kAwait);
    co_return !ec && !expired_ && !aborted_;
}

// A socket closed with unread bytes in it makes the kernel reset the connection, and the peer may
// lose the reply that says why. So: no more from us, and read on for a moment.
asio::awaitable<void> Session::linger() {
    error_code ec;
    socket_.shutdown(Socket::shutdown_send, ec);
    expired_ = false;
    enter(Phase::lingering, kLinger);
    std::array<char, 4096> discarded;
    std::size_t budget = std::size_t{8} << 20;
    while (!ec && !expired_ && !aborted_ && budget > discarded.size()) {
        std::size_t n = 0;
        std::tie(ec, n) = co_await socket_.async_read_some(asio::buffer(discarded), kAwait);
        budget -= n;
    }
}

std::string Session::peer(const RequestHead& head) const {
    error_code ec;
    const auto endpoint = socket_.remote_endpoint(ec);
    const auto client = client_address(ec ? std::nullopt : Address::from(*endpoint.data()),
                                       head.x_forwarded_for, head.forwarded, shard_.settings.trusted_proxies);
    return client ? client->to_string() : "unix";
}

}  // namespace hookswitch
