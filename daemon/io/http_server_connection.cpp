#include "daemon/io/http_server_connection.hpp"

#include "daemon/core/address.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kFirstRead = 4 << 10;  // most requests are smaller

std::string peer_of(const Listener::Socket& socket) {
    error_code ec;
    const auto endpoint = socket.remote_endpoint(ec);
    const auto address = ec ? std::nullopt : Address::from(*endpoint.data());
    return address ? address->to_string() : "unix";
}

}  // namespace

HttpServerConnection::HttpServerConnection(asio::io_context& home, Plain plain, asio::ssl::context* tls)
    : peer(peer_of(plain)), stream(std::in_place_index<0>, std::move(plain)), timer(home) {
    if (!tls) return;
    Plain moved = std::move(std::get<0>(stream));
    stream.emplace<1>(std::move(moved), *tls);
}

HttpServerConnection::Plain& HttpServerConnection::socket() {
    return stream.index() == 0 ? std::get<0>(stream) : std::get<1>(stream).next_layer();
}

// The timer is only moved when it would come too late, and otherwise looks again when it comes: most limits
// are never reached.
void HttpServerConnection::limit(std::chrono::seconds time) {
    due = Clock::now() + time;
    if (!waiting || timer.expiry() > *due) wait();
}

void HttpServerConnection::wait() {
    waiting = true;
    timer.expires_at(*due);
    timer.async_wait([weak = weak_from_this()](const error_code& ec) {
        const auto self = weak.lock();
        if (!self || ec) return;
        self->waiting = false;
        if (!self->due) return;
        Clock::now() >= *self->due ? self->close() : self->wait();
    });
}

void HttpServerConnection::close() {
    error_code ignored;
    socket().close(ignored);
}

// Not coroutines, so that the lambdas may be written in place.

HttpServerConnection::Counted HttpServerConnection::read_some() {
    return std::visit([this](auto& over) { return over.async_read_some(buffer.prepare(kFirstRead), kAwait); },
                      stream);
}

HttpServerConnection::Counted HttpServerConnection::read_request(Parser& parser) {
    return std::visit(
        [&](auto& over) { return boost::beast::http::async_read(over, buffer, parser, kAwait); }, stream);
}

HttpServerConnection::Counted HttpServerConnection::write(std::string_view text) {
    return std::visit([&](auto& over) { return asio::async_write(over, asio::buffer(text), kAwait); },
                      stream);
}

}  // namespace hookswitch
