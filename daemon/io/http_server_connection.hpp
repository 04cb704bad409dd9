#pragma once

// A connection of HttpServer: the one place where plain and TLS differ, and with it the templates that cost
// most to compile. Inside of http_server.cpp; includes Beast and OpenSSL, which are heavy.

#include "daemon/io/listen.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>

namespace hookswitch {

struct HttpServerConnection : std::enable_shared_from_this<HttpServerConnection> {
    using Clock = std::chrono::steady_clock;
    using Plain = Listener::Socket;
    using Tls = boost::asio::ssl::stream<Plain>;
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
    using Counted = boost::asio::awaitable<std::tuple<boost::system::error_code, std::size_t>>;

    /// `tls`: null: plain. Nothing is read or written yet.
    HttpServerConnection(boost::asio::io_context& home, Plain socket, boost::asio::ssl::context* tls);

    Plain& socket();

    /// From now on; when it is over, whatever waits for the socket ends.
    void limit(std::chrono::seconds time);
    void no_limit() { due.reset(); }
    void close();

    Counted read_some();  ///< into the buffer, not committed
    Counted read_request(Parser& parser);
    Counted write(std::string_view text);

    std::string peer;  // address without port; "unix"
    std::variant<Plain, Tls> stream;
    boost::asio::steady_timer timer;
    std::optional<Clock::time_point> due;
    bool waiting = false;  // for the timer
    boost::beast::flat_buffer buffer;
    bool idle = true;

private:
    void wait();
};

}  // namespace hookswitch
