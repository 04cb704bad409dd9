// The reading half of a session: from the socket to a request that can be verified.

#include "daemon/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// What is read at once of a large body or from a stranger: others may have to wait for it.
constexpr std::size_t kReadAtOnce = std::size_t{64} << 10;

Error no_memory() {
    return fail(Errc::overloaded, "too many large bodies at once: server.max_body_memory is used up");
}

Error closed() { return fail(Errc::connection_closed, "the peer closed the connection"); }

}  // namespace

asio::awaitable<bool> Session::await_request() {
    bool here = size_ > 0;
    bulky_ = false;
    known_ = known_ || proxied_;  // the next request may be another client's
    if (here && known_) {
        co_await give_way();
    } else if (here) {
        co_await shard_.turns.take();
    } else {
        enter(Phase::idle, shard_.settings.idle_timeout);
        if (shard_.draining()) expires_ = filled_ + Shard::kIdleInDrain;
        here = co_await first_bytes();
    }
    if (!here) co_return false;
    phase_ = Phase::reading;
    received_ = filled_;
    expires_ = received_ + shard_.settings.request_timeout;
    wall_ = std::chrono::system_clock::now();
    scanner_.reset();
    co_return true;
}

// A busy connection waits in a read with its buffer at hand. One that has had nothing to say for a
// while waits without, so that ten thousand idle connections cost little more than their sockets;
// not all wait like that, because it costs a system call per request.
asio::awaitable<bool> Session::first_bytes() {
    // Room for a head, and behind it for as much of a chunk's frame or the trailers.
    const std::size_t usual =
        std::max(BufferPool::kUsual, 2 * shard_.settings.max_head + simdjson::SIMDJSON_PADDING);
    if (buffer_.capacity != usual) shard_.buffers.give(std::exchange(buffer_, {}));
    if (buffer_.data && known_ && shard_.waiting_with_buffer < Shard::kMostWaitingWithBuffer) {
        ++shard_.waiting_with_buffer;
        const bool here = co_await read_again();
        --shard_.waiting_with_buffer;
        const bool parking = std::exchange(parking_, false);
        if (here || expired_ || aborted_ || !parking) co_return here;
    }
    shard_.buffers.give(std::exchange(buffer_, {}));
    account(0);
    const bool ready = co_await readable();
    if (!ready) co_return false;
    enter(Phase::reading, shard_.settings.request_timeout);
    reserve(usual);
    const auto read = co_await fill();
    co_return read.has_value();
}

asio::awaitable<bool> Session::read_again() {
    const auto space = asio::buffer(buffer_.data.get(), buffer_.capacity - simdjson::SIMDJSON_PADDING);
    const auto [read_error, n] = co_await socket_.async_read_some(space, kAwait);
    if (read_error) co_return false;
    filled(n);
    co_return true;
}

asio::awaitable<bool> Session::readable() {
    const auto [wait_error] = co_await socket_.async_wait(Socket::wait_read, kAwait);
    co_return !wait_error && !expired_ && !aborted_;
}

// A peer who has always sent more already would never let this coroutine wait, and so nobody else on
// the shard have a turn.
asio::awaitable<void> Session::give_way() {
    constexpr unsigned kTurns = 16;
    if (++streak_ < kTurns) co_return;
    streak_ = 0;
    co_await asio::post(socket_.get_executor(), asio::use_awaitable);
}

void Session::filled(std::size_t n) {
    size_ += n;
    filled_ = Clock::now();
}

void Session::reserve(std::size_t capacity) {
    if (buffer_.capacity >= capacity) return;
    if (buffer_.capacity > BufferPool::kUsual) return buffer_.grow(capacity);
    Buffer larger = capacity <= BufferPool::kUsual ? shard_.buffers.take() : Buffer::of(capacity);
    if (size_ > 0) std::memcpy(larger.data.get(), buffer_.data.get(), size_);
    shard_.buffers.give(std::exchange(buffer_, std::move(larger)));
}

void Session::consume(std::size_t size) {
    size_ -= size;
    if (size_ > 0) std::memmove(buffer_.data.get(), buffer_.data.get() + size, size_);
}

// Memory of this session that not every session has.
void Session::account(std::size_t of_chunks) {
    const std::size_t of_buffer = buffer_.capacity > BufferPool::kUsual ? buffer_.capacity : 0;
    shard_.hold(*this, of_buffer + of_chunks);
}

// By and by, as what is announced arrives: announcing costs nothing.
Result<> Session::grow(std::size_t most) {
    const std::size_t capacity = std::min(most, 2 * buffer_.capacity);
    if (capacity > BufferPool::kUsual && !shard_.hold(*this, capacity)) return no_memory();
    reserve(capacity);
    return {};
}

// Reads what there is; keeps the padding free that the parser may read over.
asio::awaitable<Result<>> Session::fill() {
    const bool patient = bulky_ || !known_;
    if (patient) co_await shard_.turns.take();
    const std::size_t room = buffer_.capacity - simdjson::SIMDJSON_PADDING - size_;
    const auto space = asio::buffer(buffer_.data.get() + size_, std::min(room, kReadAtOnce));
    error_code ec;
    std::size_t n = socket_.read_some(space, ec);
    while (patient && ec == asio::error::would_block) {
        // A stranger who lets us wait for the rest holds what there is of it.
        const std::size_t holds = std::max(held, buffer_.capacity);
        if (!known_ && !shard_.hold(*this, holds)) co_return no_memory();
        std::tie(ec) = co_await socket_.async_wait(Socket::wait_read, kAwait);
        if (ec) break;
        co_await shard_.turns.take();
        n = socket_.read_some(space, ec);
    }
    if (ec == asio::error::would_block)
        std::tie(ec, n) = co_await socket_.async_read_some(space, kAwait);
    else if (!patient)
        co_await give_way();
    if (expired_) co_return fail(Errc::request_timeout, "the request did not arrive in time");
    if (ec || aborted_) co_return closed();
    filled(n);
    co_return Result<>();
}

asio::awaitable<Result<>> Session::read_head(Request& request) {
    const HeadLimits limits{shard_.settings.max_head, shard_.settings.max_headers};
    std::size_t head_size = 0;
    for (;;) {
        CO_TRY(head_size, scanner_.scan(buffered(), limits));
        if (head_size > 0) break;
        if (auto r = co_await fill(); !r) co_return r.error();
    }
    CO_TRY(request.head, parse_head(buffered().substr(0, head_size), limits));
    request.head_size = request.size = head_size;

    const RequestHead& head = request.head;
    request.client =
        client_address(peer_, head.x_forwarded_for, head.forwarded, shard_.settings.trusted_proxies);
    request.routing = shard_.routing;
    request.source = request.routing ? request.routing->source_at(head.path) : nullptr;
    if (!request.source) co_return fail(Errc::not_found, "no source at this path");
    if (head.method != "POST") co_return fail(Errc::method_not_allowed, "the method is not POST");
    if (head.content_length.value_or(0) > shard_.settings.max_body)
        co_return fail(Errc::body_too_large, "Content-Length over max_body");
    co_return admit(request);
}

asio::awaitable<Result<>> Session::read_body(Request& request) {
    const std::size_t head_size = request.size;
    if (request.head.chunked) co_return co_await read_chunks(request, head_size);
    const std::size_t length = request.head.content_length.value_or(0);
    const std::size_t total = head_size + length;
    bulky_ = total + simdjson::SIMDJSON_PADDING > BufferPool::kUsual;
    if (size_ < total) {
        if (auto r = co_await send_continue(request); !r) co_return r.error();
        const char* const before = buffer_.data.get();
        const auto filled_up = co_await fill_up_to(total);
        // Here or not: a head that moved with its buffer has views that must follow.
        const HeadLimits limits{shard_.settings.max_head, shard_.settings.max_headers};
        if (buffer_.data.get() != before) {
            CO_TRY(request.head, parse_head(buffered().substr(0, head_size), limits));
        }
        if (!filled_up) co_return filled_up.error();
    }
    request.body = buffered().substr(head_size, length);
    request.size = total;
    request.whole = true;
    co_return Result<>();
}

asio::awaitable<Result<>> Session::fill_up_to(std::size_t total) {
    while (size_ < total) {
        const bool full = size_ + simdjson::SIMDJSON_PADDING == buffer_.capacity;
        if (auto r = full ? grow(total + simdjson::SIMDJSON_PADDING) : Result<>(); !r) co_return r.error();
        if (auto r = co_await fill(); !r) co_return r.error();
    }
    co_return Result<>();
}

asio::awaitable<Result<>> Session::read_chunks(Request& request, std::size_t head_size) {
    if (auto r = co_await send_continue(request); !r) co_return r.error();
    // Chunks are decoded behind the head, which stays where its views point.
    ChunkDecoder decoder(shard_.settings.max_body);
    std::string& body = request.chunked_body;
    for (;;) {
        CO_TRY(const std::size_t used, decoder.feed(buffered().substr(head_size), body));
        const std::size_t rest = size_ - head_size - used;
        std::memmove(buffer_.data.get() + head_size, buffer_.data.get() + head_size + used, rest);
        size_ -= used;
        bulky_ = body.capacity() > BufferPool::kUsual;
        if (bulky_ && !shard_.hold(*this, body.capacity())) co_return no_memory();
        if (decoder.done()) break;
        // A chunk's size line and the trailers are as bounded as a head.
        if (rest >= shard_.settings.max_head)
            co_return fail(Errc::bad_request, "chunk header or trailers too large");
        if (auto r = co_await fill(); !r) co_return r.error();
    }
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    request.body = body;
    request.whole = true;
    co_return Result<>();
}

asio::awaitable<Result<>> Session::send_continue(const Request& request) {
    if (!request.head.expect_continue || request.head.http10 || size_ > request.size) co_return Result<>();
    std::string text = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!co_await write_rest(std::move(text))) co_return closed();
    co_return Result<>();
}

}  // namespace hookswitch
