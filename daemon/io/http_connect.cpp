#include "daemon/io/http_connect.hpp"

#include "daemon/io/http_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/impl/src.hpp>  // the half that BOOST_ASIO_SEPARATE_COMPILATION leaves out
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstdlib>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAsResult = asio::as_tuple(asio::use_awaitable);

// getaddrinfo cannot be interrupted: when nobody waits any more, it ends alone. Its handler holds this.
struct Lookup {
    explicit Lookup(const asio::any_io_executor& executor)
        : resolver(executor), done(executor, asio::steady_timer::time_point::max()) {}

    tcp::resolver resolver;
    asio::steady_timer done;
    error_code error = asio::error::operation_aborted;
    tcp::resolver::results_type endpoints;
};

void start(const std::shared_ptr<Lookup>& lookup, const Url& url) {
    lookup->resolver.async_resolve(url.host, url.port,
                                   [lookup](const error_code& ec, tcp::resolver::results_type endpoints) {
                                       lookup->error = ec;
                                       lookup->endpoints = std::move(endpoints);
                                       lookup->done.cancel();
                                   });
}

// What a verified certificate has to be made out to. Name indication is for names only (RFC 6066, 3).
bool expect_host(SSL* ssl, const std::string& host) {
    error_code not_an_address;
    asio::ip::make_address(host, not_an_address);
    if (!not_an_address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // The second as SSL_set_tlsext_host_name does, less its C cast.
    std::string name = host;
    return SSL_set1_host(ssl, host.c_str()) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

Result<> set_up(asio::ssl::context& tls, const std::filesystem::path& ca_file) {
    tls.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    SSL_CTX_set_options(tls.native_handle(), SSL_OP_NO_RENEGOTIATION);
    tls.set_verify_mode(asio::ssl::verify_peer);
    error_code ec;
    if (ca_file.empty())
        tls.set_default_verify_paths(ec);
    else
        tls.load_verify_file(ca_file.string(), ec);
    if (ec) return fail(ec, "load certificate authorities " + ca_file.string());
    return {};
}

}  // namespace

Result<> check_ca_file(const std::filesystem::path& file) {
    asio::ssl::context tls(asio::ssl::context::tls_client);
    return set_up(tls, file);
}

bool HttpConnection::is_quiet() {
    return std::visit(
        [](auto& connection) {
            error_code ec;
            connection.lowest_layer().non_blocking(true, ec);
            char byte = 0;
            if (!ec) connection.read_some(asio::buffer(&byte, 1), ec);  // takes in TLS session tickets, too
            return ec == asio::error::would_block;
        },
        stream);
}

Result<HttpConnector> HttpConnector::make(asio::any_io_executor executor, Url url,
                                          const std::filesystem::path& ca_file, bool use_proxy) {
    HttpConnector connector(std::move(executor), std::move(url));
    const auto environment = [use_proxy](const char* name) {
        return use_proxy ? std::getenv(name) : nullptr;
    };
    TRY(connector.proxy_, proxy_for(connector.url_, environment));
    if (connector.url_.scheme == Url::Scheme::https) {
        auto& tls = connector.tls_.emplace(asio::ssl::context::tls_client);
        if (auto ready = set_up(tls, ca_file); !ready) return ready.error();
    }
    return connector;
}

std::string HttpConnector::peer() const {
    return url_.peer() + (proxy_ ? " via proxy " + proxy_->url.peer() : "");
}

Error HttpConnector::failed(const error_code& ec) const { return fail(ec, "connect to " + peer()); }

asio::awaitable<Result<HttpConnection::Plain>> HttpConnector::open_socket() {
    if (url_.scheme == Url::Scheme::unix_socket) return open_unix();
    return open_tcp();
}

asio::awaitable<Result<HttpConnection::Plain>> HttpConnector::open_unix() {
    asio::local::stream_protocol::endpoint where;
    try {
        where = asio::local::stream_protocol::endpoint(url_.socket);
    } catch (const boost::system::system_error& e) {  // the only report of a path that is too long
        co_return failed(e.code());
    }
    asio::local::stream_protocol::socket socket(executor_);
    const auto [ec] = co_await socket.async_connect(where, kAsResult);
    if (ec) co_return failed(ec);
    co_return Plain(std::move(socket));
}

asio::awaitable<Result<HttpConnection::Plain>> HttpConnector::open_tcp() {
    const auto lookup = std::make_shared<Lookup>(executor_);
    start(lookup, proxy_ ? proxy_->url : url_);
    co_await lookup->done.async_wait(kAsResult);
    if (lookup->error) co_return failed(lookup->error);
    tcp::socket socket(executor_);
    const auto [ec, endpoint] = co_await asio::async_connect(socket, lookup->endpoints, kAsResult);
    if (ec) co_return failed(ec);
    error_code ignored;  // only latency is at stake
    socket.set_option(tcp::no_delay(true), ignored);
    co_return Plain(std::move(socket));
}

asio::awaitable<Result<>> HttpConnector::open_tunnel(Plain& socket) {
    const bool ipv6 = url_.host.find(':') != std::string::npos;
    const std::string to = (ipv6 ? "[" + url_.host + "]" : url_.host) + ":" + url_.port;
    std::string head = "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n";
    if (const auto authorization = proxy_->authorization.reveal(); !authorization.empty())
        head.append("Proxy-Authorization: ").append(authorization).append("\r\n");
    head += "\r\n";
    const auto [write_error, written] = co_await asio::async_write(socket, asio::buffer(head), kAsResult);
    if (write_error) co_return failed(write_error);

    boost::beast::flat_buffer buffer;
    http::response_parser<http::empty_body> parser;
    parser.skip(true);  // whatever its head says, an answer to CONNECT is followed by the tunnel
    const auto [read_error, size] = co_await http::async_read_header(socket, buffer, parser, kAsResult);
    if (read_error) co_return failed(read_error);
    const int status = static_cast<int>(parser.get().result_int());
    if (status / 100 != 2)
        co_return fail(Errc::unavailable, "connect to " + peer() + ": the proxy answered " +
                                              std::to_string(status) + " " +
                                              std::string(parser.get().reason()));
    if (buffer.size() > 0)
        co_return fail(Errc::bad_request, "connect to " + peer() + ": the proxy said too much");
    co_return Result<>();
}

asio::awaitable<Result<>> HttpConnector::shake_hands(Tls& stream) {
    const std::string doing = "TLS handshake with " + url_.peer();
    SSL* ssl = stream.native_handle();
    if (!expect_host(ssl, url_.host)) co_return fail(Errc::invalid_config, doing + ": not a host name");
    const auto [ec] = co_await stream.async_handshake(asio::ssl::stream_base::client, kAsResult);
    if (!ec) co_return Result<>();
    auto error = fail(ec, doing);
    const long verdict = SSL_get_verify_result(ssl);
    if (verdict == X509_V_OK) co_return error;
    co_return Error(ec, error.what() + ": " + X509_verify_cert_error_string(verdict));
}

asio::awaitable<Result<std::unique_ptr<HttpConnection>>> HttpConnector::open() {
    CO_TRY(auto socket, co_await open_socket());
    if (!tls_) co_return std::make_unique<HttpConnection>(std::move(socket));
    if (proxy_) {
        const auto tunnel = co_await open_tunnel(socket);
        if (!tunnel) co_return tunnel.error();
    }
    Tls stream(std::move(socket), *tls_);
    const auto trusted = co_await shake_hands(stream);
    if (!trusted) co_return trusted.error();
    co_return std::make_unique<HttpConnection>(std::move(stream));
}

}  // namespace hookswitch
