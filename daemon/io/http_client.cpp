#include "daemon/io/http_client.hpp"

#include "daemon/io/deadline.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/impl/src.hpp>  // the half that BOOST_ASIO_SEPARATE_COMPILATION leaves out; TLS is used here only
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <variant>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr auto kAsResult = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t kMaxReply = std::size_t{64} << 20;  // a receiver answers with a few KiB
constexpr std::uint32_t kMaxReplyHead = 64 << 10;

// One socket type for TCP and Unix sockets halves the code that is compiled for reading a reply.
using Plain = asio::generic::stream_protocol::socket;
using Tls = asio::ssl::stream<Plain>;

struct Connection {
    std::variant<Plain, Tls> stream;
    bool replied = false;  // at least one byte came back for the current request
};

bool closed_by_peer(const error_code& ec) {
    return ec == asio::error::eof || ec == http::error::end_of_stream ||
           ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
           ec == asio::ssl::error::stream_truncated;
}

bool breaks_a_head(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

// The request line and header fields. Written here rather than by Beast, whose serializer for each
// stream type costs more to compile than these lines.
Result<std::string> head_of(const HttpClient::Request& request, const Url& url) {
    if (!request.target.starts_with('/') ||
        request.target.find_first_of(std::string_view(" \t\r\n\0", 5)) != std::string::npos)
        return fail(Errc::malformed_body, "the path does not fit in a request line");
    std::string head = "POST " + request.target + " HTTP/1.1\r\nHost: ";
    head += url.scheme == Url::Scheme::unix_socket ? "localhost" : url.peer();
    head += "\r\n";
    for (const auto& [name, value] : request.headers) {
        if (name.empty() || breaks_a_head(name) || name.find_first_of(": ") != std::string::npos ||
            breaks_a_head(value))
            return fail(Errc::malformed_body, "a header field does not fit on one line");
        head.append(name).append(": ").append(value).append("\r\n");
    }
    return head + "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
}

HttpClient::Reply to_reply(http::response<http::string_body>&& message) {
    HttpClient::Reply reply;
    reply.status = static_cast<int>(message.result_int());
    for (const auto& field : message) reply.headers.emplace_back(field.name_string(), field.value());
    reply.body = std::move(message.body());
    return reply;
}

struct Exchanged {
    HttpClient::Reply reply;
    bool keep_alive = false;
};

template <class Stream>
asio::awaitable<Result<Exchanged>> read_reply(Stream& stream, bool& replied) {
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::response_parser<http::string_body> parser;
        parser.body_limit(kMaxReply);
        parser.header_limit(kMaxReplyHead);
        const auto [ec, size] = co_await http::async_read(stream, buffer, parser, kAsResult);
        replied = replied || size > 0 || buffer.size() > 0;
        if (ec) co_return fail(ec, "read reply");
        if (parser.get().result_int() < 200) continue;  // an interim reply; the final one follows
        Exchanged done;
        done.keep_alive = parser.get().keep_alive() && buffer.size() == 0;
        done.reply = to_reply(parser.release());
        co_return done;
    }
}

template <class Stream>
asio::awaitable<Result<Exchanged>> exchange(Stream& stream, bool& replied, std::string_view head,
                                            std::string_view body) {
    replied = false;
    const std::array<asio::const_buffer, 2> wire{asio::buffer(head), asio::buffer(body)};
    const auto [write_error, written] = co_await asio::async_write(stream, wire, kAsResult);
    auto done = co_await read_reply(stream, replied);
    if (!write_error) co_return done;
    // Cut off while writing: a receiver that refuses a body early may have said so before it closed.
    if (!done) co_return fail(write_error, "send request");
    done->keep_alive = false;
    co_return done;
}

// Not a coroutine, so that the lambda may be written in place.
asio::awaitable<Result<Exchanged>> exchange(Connection& connection, std::string_view head,
                                            std::string_view body) {
    return std::visit([&](auto& stream) { return exchange(stream, connection.replied, head, body); },
                      connection.stream);
}

Error connect_failed(const error_code& ec, const Url& url) { return fail(ec, "connect to " + url.peer()); }

}  // namespace

std::string_view HttpClient::Reply::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (boost::beast::iequals(key, name)) return value;
    return {};
}

struct HttpClient::Impl {
    asio::any_io_executor executor;
    Url url;
    Settings settings;
    std::optional<asio::ssl::context> tls;  // https only
    std::vector<std::unique_ptr<Connection>> idle;

    std::unique_ptr<Connection> take_idle() {
        if (idle.empty()) return nullptr;
        auto connection = std::move(idle.back());
        idle.pop_back();
        return connection;
    }

    Result<Reply> finish(std::unique_ptr<Connection> connection, Result<Exchanged> done) {
        if (!done) return std::move(done).error();
        if (done->keep_alive) idle.push_back(std::move(connection));
        return std::move(done->reply);
    }

    Deadline deadline() const { return std::chrono::steady_clock::now() + settings.timeout; }

    asio::awaitable<Result<Plain>> open_socket() {
        if (url.scheme == Url::Scheme::unix_socket) return open_unix();
        return open_tcp();
    }
    asio::awaitable<Result<Plain>> open_unix();
    asio::awaitable<Result<Plain>> open_tcp();
    asio::awaitable<Result<std::unique_ptr<Connection>>> open();
    asio::awaitable<Result<>> keep_one();
    asio::awaitable<Result<Reply>> post(Request request);
};

asio::awaitable<Result<Plain>> HttpClient::Impl::open_unix() {
    asio::local::stream_protocol::endpoint where;
    try {
        where = asio::local::stream_protocol::endpoint(url.socket);
    } catch (const boost::system::system_error& e) {  // the only report of a path that is too long
        co_return connect_failed(e.code(), url);
    }
    asio::local::stream_protocol::socket socket(executor);
    const auto [ec] = co_await socket.async_connect(where, kAsResult);
    if (ec) co_return connect_failed(ec, url);
    co_return Plain(std::move(socket));
}

asio::awaitable<Result<Plain>> HttpClient::Impl::open_tcp() {
    asio::ip::tcp::resolver resolver(executor);  // deaf to cancellation: resolv.conf's own time limits apply
    const auto [resolve_error, endpoints] = co_await resolver.async_resolve(url.host, url.port, kAsResult);
    if (resolve_error) co_return connect_failed(resolve_error, url);
    asio::ip::tcp::socket socket(executor);
    const auto [ec, endpoint] = co_await asio::async_connect(socket, endpoints, kAsResult);
    if (ec) co_return connect_failed(ec, url);
    error_code ignored;  // only latency is at stake
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    co_return Plain(std::move(socket));
}

asio::awaitable<Result<std::unique_ptr<Connection>>> HttpClient::Impl::open() {
    CO_TRY(auto socket, co_await open_socket());
    if (!tls) co_return std::make_unique<Connection>(std::move(socket));
    Tls stream(std::move(socket), *tls);
    // Name indication is for names only (RFC 6066, section 3); an address is checked all the same.
    error_code not_an_address;
    asio::ip::make_address(url.host, not_an_address);
    if (not_an_address)  // as SSL_set_tlsext_host_name does, less its C cast
        SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 url.host.data());
    stream.set_verify_callback(asio::ssl::host_name_verification(url.host));
    const auto [ec] = co_await stream.async_handshake(asio::ssl::stream_base::client, kAsResult);
    if (ec) co_return fail(ec, "TLS handshake with " + url.peer());
    co_return std::make_unique<Connection>(std::move(stream));
}

asio::awaitable<Result<>> HttpClient::Impl::keep_one() {
    CO_TRY(auto connection, co_await open());
    idle.push_back(std::move(connection));
    co_return Result<>();
}

asio::awaitable<Result<HttpClient::Reply>> HttpClient::Impl::post(Request request) {
    CO_TRY(const std::string head, head_of(request, url));
    if (auto kept = take_idle()) {
        auto done = co_await exchange(*kept, head, request.body);
        const bool was_stale = !done && !kept->replied && closed_by_peer(done.error().code());
        if (!was_stale) co_return finish(std::move(kept), std::move(done));
    }
    CO_TRY(auto fresh, co_await open());
    auto done = co_await exchange(*fresh, head, request.body);
    co_return finish(std::move(fresh), std::move(done));
}

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpClient> HttpClient::make(asio::any_io_executor executor, Url url, Settings settings) {
    auto impl = std::make_unique<Impl>();
    impl->executor = std::move(executor);
    impl->url = std::move(url);
    impl->settings = std::move(settings);
    if (impl->url.scheme == Url::Scheme::https) {
        auto& tls = impl->tls.emplace(asio::ssl::context::tls_client);
        tls.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
        tls.set_verify_mode(asio::ssl::verify_peer);
        const auto& ca_file = impl->settings.ca_file;
        error_code ec;
        if (ca_file.empty())
            tls.set_default_verify_paths(ec);
        else
            tls.load_verify_file(ca_file.string(), ec);
        if (ec) return fail(ec, "load certificate authorities " + ca_file.string());
    }
    return HttpClient(std::move(impl));
}

asio::awaitable<Result<>> HttpClient::connect() {
    return with_deadline(impl_->deadline(), impl_->keep_one());
}

asio::awaitable<Result<HttpClient::Reply>> HttpClient::post(Request request) {
    return with_deadline(impl_->deadline(), impl_->post(std::move(request)));
}

}  // namespace hookswitch
