#include "daemon/session.hpp"

#include "daemon/core/address.hpp"
#include "daemon/io/log.hpp"
#include "daemon/probe.hpp"
#include "daemon/refusal.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>

#include <array>
#include <cerrno>
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
    error_code no_peer, ignored;
    const auto endpoint = socket_.remote_endpoint(no_peer);
    if (!no_peer) peer_ = Address::from(*endpoint.data());
    // Reset while it was in the accept queue, with a request in it perhaps: of nobody, so not to be taken
    // for a proxy on a Unix socket.
    if (no_peer && socket_.local_endpoint(ignored).data()->sa_family != AF_UNIX) peer_ = Address{};
    proxied_ = !peer_ || is_trusted(*peer_);
    known_ = proxied_ || shard_.senders.standing(*peer_, filled_) == Senders::Standing::proven;
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
    account(0);
    if (next == Next::keep) consume(request.size);
    co_return next;
}

asio::awaitable<Session::Next> Session::answer(Request& request) {
    auto body = co_await prove(request);
    if (aborted_) co_return Next::close_at_once;
    if (!body) co_return co_await refuse(request, std::move(body).error());
    has_proved(request, *body);
    if (is_probe(body->text()) && !request.source->signature.insecure_no_signature)
        co_return co_await answer_probe(request);

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
    co_return co_await respond(http, request.head);
}

asio::awaitable<Session::Next> Session::answer_probe(const Request& request) {
    const RequestHead& head = request.head;
    const std::string seen = probe_reply(
        {peer_, request.client, proxied_, head.x_forwarded_for, head.forwarded, request.source->name});
    HttpReply reply;
    reply.body = seen;
    count(request, reply.status);
    log::info("request.probe", kv("source", request.source->name), kv("peer", peer(request)));
    co_return co_await respond(reply, head);
}

// The call-back comes exactly once, and but for an abort, which ends the session, this waits for it: a
// reply cannot meet another request.
asio::awaitable<Reply> Session::reply_to(Request& request, VerifiedBody body) {
    phase_ = Phase::working;
    expires_ = Clock::time_point::max();
    Received received{request.routing, request.source, received_, wall_, {}, {}, {}};
    received.kind = &request.kind;
    received.head = buffered().substr(0, request.head_size);
    received.body = body.text();
    if (log::enabled(log::Level::info)) received.peer = peer(request);
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
        if (size_ > 0) log::debug("request.incomplete", kv("peer", peer(request)), kv("bytes", size_));
        co_return Next::close;
    }
    const Refusal& refusal = refusal_for(why);
    count(request, refusal.status);
    // A stranger must not be able to fill the log.
    const auto held_back = request.limited ? std::nullopt : shard_.refusals.pass(Clock::now());
    if (held_back)
        log::warn(why == Errc::malformed_body ? "event.malformed" : "request.refused",
                  kv("status", refusal.status), kv("why", why.what()), kv("peer", peer(request)),
                  kv("source", request.source ? request.source->name : ""), kv("suppressed", *held_back));

    // A body that is still on its way cannot be skipped safely; one that is here can.
    const bool early =
        why == Errc::not_found || why == Errc::method_not_allowed || why == Errc::bad_signature;
    const std::size_t body = head.content_length.value_or(0);
    const bool skip =
        early && !request.whole && !head.chunked && size_ - request.size >= body && head.method != "HEAD";
    if (skip) request.size += body;

    const std::string text = error_body(refusal.name, refusal.message);
    HttpReply reply;
    reply.status = refusal.status;
    reply.body = text;
    reply.close = !skip && (refusal.close || !request.whole);
    reply.head_only = head.method == "HEAD";
    if (refusal.status == 503) reply.retry_after = "1";
    const Next next = co_await respond(reply, head);
    co_return next == Next::close&& request.limited ? Next::close_at_once : next;
}

void Session::count(const Request& request, int status) {
    SourceMetrics& metrics = request.source ? *request.source->metrics : shard_.unclaimed;
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
    static thread_local std::array<char, 65536> unread;
    // TCP does not even copy what is truncated; other sockets ignore the flag.
    constexpr int kDiscard = MSG_TRUNC | MSG_DONTWAIT;
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    expired_ = false;
    enter(Phase::lingering, kLinger);
    for (std::size_t budget = std::size_t{8} << 20; budget > unread.size();) {
        const bool more = co_await readable();
        if (!more) break;
        if (!known_) co_await shard_.turns.take();
        const ssize_t n = ::recv(socket_.native_handle(), unread.data(), unread.size(), kDiscard);
        if (n == 0 || (n < 0 && errno != EAGAIN)) break;
        if (n > 0) budget -= static_cast<std::size_t>(n);
    }
}

}  // namespace hookswitch
