#pragma once

// Connections for HttpClient: name, socket, proxy, TLS. Inside of http_client.cpp; includes Asio's TLS,
// which is heavy.

#include "daemon/core/http_proxy.hpp"
#include "daemon/core/result.hpp"
#include "daemon/core/url.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <variant>

namespace hookswitch {

struct HttpConnection {
    // One socket type for TCP and Unix sockets halves the code that is compiled for reading a reply.
    using Plain = boost::asio::generic::stream_protocol::socket;
    using Tls = boost::asio::ssl::stream<Plain>;

    std::variant<Plain, Tls> stream;
    bool sent = false;     // at least a part of the current request may have arrived
    bool replied = false;  // at least one byte came back for it
    std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point idle_since{};

    /// Between two requests: neither its end nor anything else has come from the peer.
    bool is_quiet();
};

class HttpConnector {
public:
    /// Fails if ca_file cannot be read, or the environment names a proxy that cannot be used.
    static Result<HttpConnector> make(boost::asio::any_io_executor executor, Url url,
                                      const std::filesystem::path& ca_file, bool use_proxy);

    /// Reacts to cancellation at once, also while a name is looked up.
    boost::asio::awaitable<Result<std::unique_ptr<HttpConnection>>> open();

    const Url& url() const { return url_; }

    /// The proxy that a plain http:// request is given to, to be forwarded; null: none. (https:// goes
    /// through the proxy's tunnel.)
    const HttpProxy* forwarder() const {
        return proxy_ && url_.scheme == Url::Scheme::http ? &*proxy_ : nullptr;
    }

    /// "api.example.com via proxy 10.0.0.1:3128", for messages.
    std::string peer() const;

private:
    using Plain = HttpConnection::Plain;
    using Tls = HttpConnection::Tls;

    HttpConnector(boost::asio::any_io_executor executor, Url url)
        : executor_(std::move(executor)), url_(std::move(url)) {}

    Error failed(const boost::system::error_code& ec) const;
    boost::asio::awaitable<Result<Plain>> open_socket();
    boost::asio::awaitable<Result<Plain>> open_unix();
    boost::asio::awaitable<Result<Plain>> open_tcp();
    boost::asio::awaitable<Result<>> open_tunnel(Plain& socket);
    boost::asio::awaitable<Result<>> shake_hands(Tls& stream);

    boost::asio::any_io_executor executor_;
    Url url_;
    std::optional<HttpProxy> proxy_;
    std::optional<boost::asio::ssl::context> tls_;  // https only
};

}  // namespace hookswitch
