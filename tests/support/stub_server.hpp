#pragma once

// An HTTP server whose every byte is the test's: it reads requests with Beast and sends back
// whatever text the test's function returns. It runs on a thread of its own until destroyed.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <atomic>
#include <exception>
#include <functional>
#include <string>
#include <thread>

namespace hookswitch::test {

using ServedRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// "HTTP/1.1 200 OK" with a length; what a well-behaved receiver sends.
inline std::string http_reply(int status, const std::string& body, const std::string& fields = "") {
    return "HTTP/1.1 " + std::to_string(status) +
           " Status\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
}

class StubServer {
public:
    /// The bytes to send back; afterwards the connection is closed if they are empty or contain
    /// "Connection: close". Called on the server's thread.
    using Answer = std::function<std::string(const ServedRequest&)>;

    /// Listens on 127.0.0.1, or on the Unix socket `path`; with TLS if `tls` is given.
    explicit StubServer(Answer answer, const std::string& path = "", boost::asio::ssl::context* tls = nullptr)
        : answer_(std::move(answer)), tls_(tls) {
        namespace asio = boost::asio;
        if (path.empty()) {
            asio::ip::tcp::acceptor acceptor(ctx_, {asio::ip::make_address("127.0.0.1"), 0});
            port_ = acceptor.local_endpoint().port();
            spawn(accept(std::move(acceptor)));
        } else {
            spawn(accept(
                asio::local::stream_protocol::acceptor(ctx_, asio::local::stream_protocol::endpoint(path))));
        }
        thread_ = std::thread([this] { ctx_.run(); });
    }
    ~StubServer() {
        ctx_.stop();
        thread_.join();
    }

    unsigned short port() const { return port_; }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    int connections() const { return connections_; }

private:
    template <class Op>
    void spawn(Op op) {
        boost::asio::co_spawn(ctx_, std::move(op), [](std::exception_ptr e) {
            if (e) std::rethrow_exception(e);
        });
    }

    template <class Acceptor>
    boost::asio::awaitable<void> accept(Acceptor acceptor) {
        for (;;) {
            auto socket = co_await acceptor.async_accept(boost::asio::use_awaitable);
            ++connections_;
            if (tls_)
                spawn(handshake(boost::asio::ssl::stream<decltype(socket)>(std::move(socket), *tls_)));
            else
                spawn(serve(std::move(socket)));
        }
    }

    template <class Tls>
    boost::asio::awaitable<void> handshake(Tls stream) {
        const auto [ec] = co_await stream.async_handshake(boost::asio::ssl::stream_base::server,
                                                          boost::asio::as_tuple(boost::asio::use_awaitable));
        if (!ec) co_await serve(std::move(stream));
    }

    template <class Stream>
    boost::asio::awaitable<void> serve(Stream stream) {
        constexpr auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        boost::beast::flat_buffer buffer;
        for (;;) {
            ServedRequest request;
            const auto [read_error, size] =
                co_await boost::beast::http::async_read(stream, buffer, request, token);
            if (read_error) co_return;
            const std::string reply = answer_(request);
            const auto [ec, written] =
                co_await boost::asio::async_write(stream, boost::asio::buffer(reply), token);
            if (ec || reply.empty() || reply.find("Connection: close") != std::string::npos) co_return;
        }
    }

    boost::asio::io_context ctx_{1};
    Answer answer_;
    boost::asio::ssl::context* tls_;
    unsigned short port_ = 0;
    std::atomic<int> connections_{0};
    std::thread thread_;
};

}  // namespace hookswitch::test
