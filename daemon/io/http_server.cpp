#include "daemon/io/http_server.hpp"

#include "daemon/core/iso_time.hpp"
#include "daemon/io/http_server_connection.hpp"
#include "daemon/io/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using log::kv;
using std::chrono::seconds;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kLinger = seconds(2);  // for the peer to read why we close
constexpr std::uint64_t kMostDiscarded = 64 << 10;

using Connection = HttpServerConnection;
using Plain = Connection::Plain;
using Parser = Connection::Parser;

HttpRequest request_of(const Parser::value_type& message, const std::string& peer) {
    const std::string_view target(message.target());
    const auto question = std::min(target.find('?'), target.size());
    HttpRequest request;
    request.method = std::string_view(message.method_string());
    request.path = target.substr(0, question);
    request.query = target.substr(std::min(question + 1, target.size()));
    request.host = std::string_view(message[http::field::host]);
    request.origin = std::string_view(message[http::field::origin]);
    request.authorization = std::string_view(message[http::field::authorization]);
    request.body = message.body();
    request.peer = peer;
    return request;
}

struct Refusal {
    int status;
    std::string_view code, message;
};

// What a request that cannot be read is told; nullopt: nobody is there to be told.
std::optional<Refusal> refusal_of(const error_code& ec) {
    if (ec == http::error::header_limit)
        return Refusal{431, "head_too_large", "The request head is too large."};
    if (ec == http::error::body_limit) return Refusal{413, "body_too_large", "The body is too large."};
    const bool malformed = ec.category() == make_error_code(http::error::bad_method).category() &&
                           ec != http::error::end_of_stream && ec != http::error::partial_message;
    if (!malformed) return std::nullopt;
    return Refusal{400, "bad_request", "The request is not valid HTTP."};
}

// The name that a status has here is the registered one, whatever Beast of its time calls it.
std::string_view reason_of(int status) {
    if (status == 413) return "Content Too Large";
    return http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
}

std::string text_of(const HttpAnswer& answer, bool close, bool head_only) {
    const auto now = std::chrono::floor<seconds>(std::chrono::system_clock::now());
    std::string text = "HTTP/1.1 " + std::to_string(answer.status) + ' ';
    text.append(reason_of(answer.status)).append("\r\nDate: ").append(http_date(now));
    if (answer.status != 204) {
        text.append("\r\nContent-Type: ").append(answer.content_type);
        text.append("\r\nContent-Length: ").append(std::to_string(answer.body.size()));
    }
    for (const auto& [name, value] : answer.headers)
        text.append("\r\n").append(name).append(": ").append(value);
    if (close) text.append("\r\nConnection: close");
    text.append("\r\n\r\n");
    if (!head_only && answer.status != 204) text.append(answer.body);
    return text;
}

asio::ssl::context context_of(const TlsIdentity& identity) {
    asio::ssl::context tls(asio::ssl::context::tls_server);
    tls.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    tls.use_certificate_chain(asio::buffer(identity.certificate));
    const std::string_view key = identity.key.reveal();
    tls.use_private_key(asio::const_buffer(key.data(), key.size()), asio::ssl::context::pem);
    return tls;
}

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
    Impl(asio::io_context& home_, Settings settings_, Answer answer_, Listener listener_)
        : home(home_),
          settings(std::move(settings_)),
          answer(std::move(answer_)),
          listener(std::move(listener_)) {}

    void stop();
    void report(const std::exception_ptr& thrown) const;
    void place(Plain socket);
    asio::awaitable<void> accept();
    asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
    asio::awaitable<bool> handshake(Connection& connection);
    asio::awaitable<bool> has_bytes(Connection& connection);
    asio::awaitable<bool> serve_one(Connection& connection);
    asio::awaitable<bool> respond(Connection& connection, HttpAnswer reply, bool keep, bool head_only);
    static asio::awaitable<void> hold(Connection& connection);
    asio::awaitable<void> linger(Connection& connection);

    asio::io_context& home;
    Settings settings;
    Answer answer;
    Listener listener;
    std::optional<asio::ssl::context> tls;
    std::set<std::shared_ptr<Connection>> connections;
    bool stopped = false;
};

void HttpServer::Impl::stop() {
    if (std::exchange(stopped, true)) return;
    error_code ignored;
    listener.acceptor.close(ignored);
    if (!listener.unix_path.empty()) unlink(listener.unix_path.c_str());
    for (const auto& connection : connections) connection->close();
}

void HttpServer::Impl::report(const std::exception_ptr& thrown) const {
    if (!thrown) return;
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        log::error("http.exception", kv("server", settings.name), kv("why", e.what()));
    }
}

asio::awaitable<void> HttpServer::Impl::accept() {
    while (!stopped) {
        auto [ec, socket] = co_await listener.acceptor.async_accept(kAwait);
        if (stopped) co_return;
        if (!ec) {
            place(std::move(socket));
            continue;
        }
        log::error("http.accept_failed", kv("server", settings.name), kv("address", listener.address),
                   kv("why", ec.message()));
        asio::steady_timer pause(home, seconds(1));
        co_await pause.async_wait(kAwait);
    }
}

// Over the limit, one that is idle makes room; if all are at work, the newest is closed without a word.
void HttpServer::Impl::place(Plain socket) {
    if (connections.size() >= settings.most_connections) {
        const auto idle = std::ranges::find_if(connections, [](const auto& c) { return c->idle; });
        if (idle == connections.end()) return;
        (*idle)->idle = false;
        (*idle)->close();
    }
    error_code ignored;  // only latency is at stake; not for Unix sockets
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    const auto connection = std::make_shared<Connection>(home, std::move(socket), tls ? &*tls : nullptr);
    connections.insert(connection);
    auto ended = [self = shared_from_this(), connection](const std::exception_ptr& thrown) {
        self->report(thrown);
        self->connections.erase(connection);
        connection->timer.cancel();
    };
    asio::co_spawn(home, serve(connection), std::move(ended));
}

asio::awaitable<void> HttpServer::Impl::serve(std::shared_ptr<Connection> connection) {
    bool keep = true;
    if (tls) keep = co_await handshake(*connection);
    if (!keep) co_return connection->close();
    while (keep && !stopped) keep = co_await serve_one(*connection);
    co_await linger(*connection);
}

asio::awaitable<bool> HttpServer::Impl::handshake(Connection& connection) {
    connection.idle = false;
    connection.limit(settings.request_time);
    auto& stream = std::get<1>(connection.stream);
    if (settings.spoil_handshake && settings.spoil_handshake()) {
        constexpr std::string_view kNotTls = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        co_await asio::async_write(stream.next_layer(), asio::buffer(kNotTls), kAwait);
        co_return false;
    }
    const auto [ec] = co_await stream.async_handshake(asio::ssl::stream_base::server, kAwait);
    co_return !ec;
}

asio::awaitable<bool> HttpServer::Impl::has_bytes(Connection& connection) {
    connection.limit(settings.idle_time);
    connection.idle = true;
    const auto [ec, n] = co_await connection.read_some();
    connection.idle = false;
    connection.buffer.commit(n);
    co_return !ec;
}

asio::awaitable<bool> HttpServer::Impl::serve_one(Connection& connection) {
    if (connection.buffer.size() == 0 && !co_await has_bytes(connection)) co_return false;
    Parser parser;
    parser.header_limit(settings.most_head);
    parser.body_limit(settings.most_body);
    connection.limit(settings.request_time);
    const auto [ec, n] = co_await connection.read_request(parser);
    if (ec) {
        const auto why = refusal_of(ec);
        if (!why) co_return false;
        HttpAnswer refusal = settings.refuse(why->status, why->code, why->message);
        co_await respond(connection, std::move(refusal), false, false);
        co_return false;
    }
    connection.no_limit();  // an answer takes as long as it takes
    const bool keep = parser.get().keep_alive();
    const bool head_only = parser.get().method() == http::verb::head;
    const HttpRequest request = request_of(parser.get(), connection.peer);
    HttpAnswer reply = co_await answer(request);
    co_return co_await respond(connection, std::move(reply), keep, head_only);
}

asio::awaitable<bool> HttpServer::Impl::respond(Connection& connection, HttpAnswer reply, bool keep,
                                                bool head_only) {
    if (reply.silent) {
        co_await hold(connection);
        co_return false;
    }
    keep = keep && !stopped && !reply.close && !reply.verbatim;
    const std::string text = reply.verbatim ? std::move(reply.body) : text_of(reply, !keep, head_only);
    connection.limit(settings.write_time);
    const auto [ec, n] = co_await connection.write(text);
    co_return !ec && keep;
}

asio::awaitable<void> HttpServer::Impl::hold(Connection& connection) {
    for (error_code ec; !ec;) {
        connection.buffer.clear();
        std::tie(ec, std::ignore) = co_await connection.read_some();
    }
}

// So that the peer reads the last answer before it is told that there is no more: a close with bytes
// unread would be a reset, which overtakes it.
asio::awaitable<void> HttpServer::Impl::linger(Connection& connection) {
    error_code ec;
    connection.limit(kLinger);
    if (tls) {
        co_await std::get<1>(connection.stream).async_shutdown(kAwait);
    } else {
        connection.socket().shutdown(Plain::shutdown_send, ec);
    }
    std::array<char, 4096> discarded;
    for (std::size_t budget = kMostDiscarded; !ec && !stopped && budget >= discarded.size();) {
        std::size_t n = 0;
        std::tie(ec, n) = co_await connection.socket().async_read_some(asio::buffer(discarded), kAwait);
        budget -= n;
    }
    connection.close();
}

Result<HttpServer> HttpServer::start(asio::io_context& home, Settings settings, Answer answer) {
    std::optional<asio::ssl::context> tls;
    try {
        if (settings.tls) tls = context_of(*settings.tls);
    } catch (const boost::system::system_error& e) {  // Asio's loaders have one form for views
        return fail(e.code(), "use the certificate and its key");
    }
    TRY(auto listeners, open_listeners(home, settings.listen, settings.unix_mode));
    const auto impl =
        std::make_shared<Impl>(home, std::move(settings), std::move(answer), std::move(listeners.front()));
    impl->tls = std::move(tls);
    asio::co_spawn(home, impl->accept(), [impl](const std::exception_ptr& thrown) { impl->report(thrown); });
    return HttpServer(impl);
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer::~HttpServer() {
    if (impl_) impl_->stop();
}

const std::string& HttpServer::address() const { return impl_->listener.address; }
void HttpServer::stop() { impl_->stop(); }

}  // namespace hookswitch
