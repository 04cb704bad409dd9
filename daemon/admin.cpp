#include "daemon/admin.hpp"

#include "daemon/core/address.hpp"
#include "daemon/http_reply.hpp"
#include "daemon/io/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using log::kv;
using std::chrono::seconds;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t kMostConnections = 64;
constexpr std::uint32_t kMostHead = 16 << 10;
constexpr std::uint64_t kMostBody = 64 << 10;

constexpr auto kIdleTime = seconds(75);    // between two requests; longer than most monitors' interval
constexpr auto kRequestTime = seconds(5);  // from its first byte to its last
constexpr auto kWriteTime = seconds(30);
constexpr auto kLinger = seconds(2);  // for the peer to read why we close

// A group may be let in by the directory's group; the world may not.
constexpr mode_t kSocketMode = 0660;

using Parser = http::request_parser<http::string_body>;

AdminRequest request_of(const Parser::value_type& message) {
    const std::string_view target(message.target());
    const auto question = std::min(target.find('?'), target.size());
    AdminRequest request;
    request.method = std::string_view(message.method_string());
    request.path = target.substr(0, question);
    request.query = target.substr(std::min(question + 1, target.size()));
    request.host = std::string_view(message[http::field::host]);
    request.origin = std::string_view(message[http::field::origin]);
    request.authorization = std::string_view(message[http::field::authorization]);
    return request;
}

// What a request that cannot be read is told; nullopt: nobody is there to be told.
std::optional<AdminReply> refusal_of(const error_code& ec) {
    if (ec == http::error::header_limit)
        return admin_error(431, "head_too_large", "The request head is too large.");
    if (ec == http::error::body_limit) return admin_error(413, "body_too_large", "The body is too large.");
    const bool malformed = ec.category() == make_error_code(http::error::bad_method).category() &&
                           ec != http::error::end_of_stream && ec != http::error::partial_message;
    if (!malformed) return std::nullopt;
    return admin_error(400, "bad_request", "The request is not valid HTTP.");
}

std::string peer_of(const Listener::Socket& socket) {
    error_code ec;
    const auto endpoint = socket.remote_endpoint(ec);
    const auto address = ec ? std::nullopt : Address::from(*endpoint.data());
    return address ? address->to_string() : "unix";
}

}  // namespace

struct Admin::Connection : std::enable_shared_from_this<Connection> {
    Connection(asio::io_context& home, Listener::Socket s) : socket(std::move(s)), timer(home) {}

    // From now on; when it is over, whatever waits for the socket ends.
    void limit(seconds time) {
        timer.expires_after(time);
        timer.async_wait([weak = weak_from_this()](const error_code& ec) {
            const auto self = weak.lock();
            if (self && !ec) self->close();
        });
    }
    void close() {
        error_code ignored;
        socket.close(ignored);
    }

    Listener::Socket socket;
    asio::steady_timer timer;
    beast::flat_buffer buffer{kMostHead + kMostBody};
    bool idle = true;
    HttpWriter writer;
};

Result<std::shared_ptr<Admin>> Admin::start(asio::io_context& home, AdminSettings settings, AdminView view) {
    TRY(auto listeners, open_listeners(home, settings.listen, kSocketMode));
    const std::shared_ptr<Admin> admin(
        new Admin(home, std::move(settings), std::move(view), std::move(listeners.front())));
    log::info("admin.listening", kv("address", admin->listener_.address));
    asio::co_spawn(home, admin->accept(),
                   [admin](const std::exception_ptr& thrown) { admin->report(thrown); });
    return admin;
}

Admin::Admin(asio::io_context& home, AdminSettings settings, AdminView view, Listener listener)
    : home_(home),
      api_(home.get_executor(), std::move(settings), std::move(view)),
      listener_(std::move(listener)) {}

void Admin::stop() {
    if (std::exchange(stopped_, true)) return;
    api_.stop();
    error_code ignored;
    listener_.acceptor.close(ignored);
    if (!listener_.unix_path.empty()) unlink(listener_.unix_path.c_str());
    for (const auto& connection : connections_) connection->close();
}

void Admin::report(const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        log::error("admin.exception", kv("why", e.what()));
    }
}

asio::awaitable<void> Admin::accept() {
    while (!stopped_) {
        auto [ec, socket] = co_await listener_.acceptor.async_accept(kAwait);
        if (stopped_) co_return;
        if (!ec) {
            place(std::move(socket));
            continue;
        }
        log::error("admin.accept_failed", kv("address", listener_.address), kv("why", ec.message()));
        asio::steady_timer pause(home_, seconds(1));
        co_await pause.async_wait(kAwait);
    }
}

// Over the limit, one that is idle makes room; if all are at work, the newest is closed without a word.
void Admin::place(Listener::Socket socket) {
    if (connections_.size() >= kMostConnections) {
        const auto idle = std::ranges::find_if(connections_, [](const auto& c) { return c->idle; });
        if (idle == connections_.end()) return;
        (*idle)->idle = false;
        (*idle)->close();
    }
    const auto connection = std::make_shared<Connection>(home_, std::move(socket));
    connections_.insert(connection);
    auto ended = [self = shared_from_this(), connection](const std::exception_ptr& thrown) {
        self->report(thrown);
        self->connections_.erase(connection);
        connection->timer.cancel();
    };
    asio::co_spawn(home_, serve(connection), std::move(ended));
}

asio::awaitable<void> Admin::serve(std::shared_ptr<Connection> connection) {
    bool keep = true;
    while (keep && !stopped_) keep = co_await serve_one(*connection);
    co_await linger(*connection);
}

asio::awaitable<bool> Admin::has_bytes(Connection& connection) {
    connection.limit(kIdleTime);
    connection.idle = true;
    const auto [ec] = co_await connection.socket.async_wait(Listener::Socket::wait_read, kAwait);
    connection.idle = false;
    co_return !ec;
}

asio::awaitable<bool> Admin::serve_one(Connection& connection) {
    Parser parser;
    parser.header_limit(kMostHead);
    parser.body_limit(kMostBody);
    if (connection.buffer.size() == 0 && !co_await has_bytes(connection)) co_return false;
    connection.limit(kRequestTime);
    const auto [ec, n] = co_await http::async_read(connection.socket, connection.buffer, parser, kAwait);
    if (ec) {
        auto refusal = refusal_of(ec);
        if (refusal) co_await respond(connection, *std::move(refusal), false, false);
        co_return false;
    }
    connection.timer.cancel();  // reading the journal takes as long as it takes
    const bool keep = parser.get().keep_alive() && !stopped_;
    const bool head_only = parser.get().method() == http::verb::head;
    AdminReply reply = co_await api_.answer(request_of(parser.get()), peer_of(connection.socket));
    co_return co_await respond(connection, std::move(reply), keep, head_only);
}

asio::awaitable<bool> Admin::respond(Connection& connection, AdminReply reply, bool keep, bool head_only) {
    HttpReply http;
    http.status = reply.status;
    http.body = reply.body;
    http.content_type = reply.content_type;
    http.allow = reply.allow;
    http.challenge = reply.status == 401;
    http.close = !keep;
    http.head_only = head_only;
    std::string text;
    connection.writer.append(text, http, std::chrono::system_clock::now());
    connection.limit(kWriteTime);
    const auto [ec, n] = co_await asio::async_write(connection.socket, asio::buffer(text), kAwait);
    co_return !ec && keep;
}

// As a session of the data listener does, and for the same reason.
asio::awaitable<void> Admin::linger(Connection& connection) {
    error_code ec;
    connection.socket.shutdown(Listener::Socket::shutdown_send, ec);
    connection.limit(kLinger);
    std::array<char, 4096> discarded;
    for (std::size_t budget = kMostBody; !ec && !stopped_ && budget >= discarded.size();) {
        std::size_t n = 0;
        std::tie(ec, n) = co_await connection.socket.async_read_some(asio::buffer(discarded), kAwait);
        budget -= n;
    }
    connection.close();
}

}  // namespace hookswitch
