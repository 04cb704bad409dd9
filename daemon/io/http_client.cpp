#include "daemon/io/http_client.hpp"

#include "daemon/io/deadline.hpp"
#include "daemon/io/http_connect.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <deque>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr auto kAsResult = asio::as_tuple(asio::use_awaitable);

constexpr std::uint32_t kMaxReplyHead = 64 << 10;

bool closed_by_peer(const error_code& ec) {
    return ec == asio::error::eof || ec == http::error::end_of_stream ||
           ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
           ec == asio::ssl::error::stream_truncated;
}

bool breaks_a_head(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool is_method(std::string_view text) {
    return !text.empty() && text != "HEAD" &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Result<> append_header(std::string& head, std::string_view name, std::string_view value) {
    if (name.empty() || breaks_a_head(name) || name.find_first_of(": ") != std::string::npos ||
        breaks_a_head(value))
        return fail(Errc::malformed_body, "a header field does not fit on one line");
    head.append(name).append(": ").append(value).append("\r\n");
    return {};
}

// The request line and header fields. Written here rather than by Beast, whose serializer for each
// stream type costs more to compile than these lines.
Result<std::string> head_of(const HttpClient::Request& request, const HttpConnector& connector) {
    const Url& url = connector.url();
    const HttpProxy* forwarder = connector.forwarder();
    if (!is_method(request.method)) return fail(Errc::malformed_body, "not a method for a request");
    if (!request.target.starts_with('/') ||
        request.target.find_first_of(std::string_view(" \t\r\n\0", 5)) != std::string::npos)
        return fail(Errc::malformed_body, "the path does not fit in a request line");
    const std::string host = url.scheme == Url::Scheme::unix_socket ? "localhost" : url.peer();
    std::string head = request.method + " " + (forwarder ? "http://" + host : "") + request.target +
                       " HTTP/1.1\r\nHost: " + host + "\r\n";
    for (const auto& [name, value] : request.headers)
        if (auto r = append_header(head, name, value); !r) return r.error();
    if (forwarder && !forwarder->authorization.reveal().empty())
        head.append("Proxy-Authorization: ").append(forwarder->authorization.reveal()).append("\r\n");
    if (!request.body.empty() || (request.method != "GET" && request.method != "DELETE"))
        head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    return head + "\r\n";
}

HttpClient::Reply to_reply(http::response<http::string_body>&& message) {
    HttpClient::Reply reply;
    reply.status = static_cast<int>(message.result_int());
    reply.reason = message.reason();
    for (const auto& field : message) reply.headers.emplace_back(field.name_string(), field.value());
    reply.body = std::move(message.body());
    return reply;
}

struct Exchanged {
    HttpClient::Reply reply;
    bool keep_alive = false;
};

Error no_reply(const error_code& ec, bool replied) {
    if (ec == http::error::body_limit) return fail(Errc::body_too_large, "the reply is too long");
    if (!closed_by_peer(ec) && ec != http::error::partial_message) return fail(ec, "read reply");
    return fail(ec, replied ? "the reply was cut short" : "no reply came");
}

template <class Stream>
asio::awaitable<Result<Exchanged>> read_reply(Stream& stream, bool& replied, std::size_t max_reply) {
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::response_parser<http::string_body> parser;
        parser.body_limit(max_reply);
        parser.header_limit(kMaxReplyHead);
        const auto [ec, size] = co_await http::async_read(stream, buffer, parser, kAsResult);
        replied = replied || size > 0 || buffer.size() > 0;
        if (ec) co_return no_reply(ec, replied);
        if (parser.get().result_int() < 200) continue;  // an interim reply; the final one follows
        Exchanged done;
        done.keep_alive = parser.get().keep_alive() && buffer.size() == 0;
        done.reply = to_reply(parser.release());
        co_return done;
    }
}

template <class Stream>
asio::awaitable<Result<Exchanged>> exchange(Stream& stream, HttpConnection& connection, std::string_view head,
                                            std::string_view body, std::size_t max_reply) {
    connection.replied = false;
    connection.sent = true;  // until it is known that it was not
    const std::array<asio::const_buffer, 2> wire{asio::buffer(head), asio::buffer(body)};
    const auto [write_error, written] = co_await asio::async_write(stream, wire, kAsResult);
    connection.sent = !write_error || written > 0;
    auto done = co_await read_reply(stream, connection.replied, max_reply);
    if (!write_error) co_return done;
    // Cut off while writing: a receiver that refuses a body early may have said so before it closed.
    if (!done) co_return fail(write_error, "send request");
    done->keep_alive = false;
    co_return done;
}

// Not a coroutine, so that the lambda may be written in place.
asio::awaitable<Result<Exchanged>> exchange(HttpConnection& connection, std::string_view head,
                                            std::string_view body, std::size_t max_reply) {
    return std::visit([&](auto& stream) { return exchange(stream, connection, head, body, max_reply); },
                      connection.stream);
}

}  // namespace

bool is_idempotent(std::string_view method) {
    return method == "GET" || method == "PUT" || method == "DELETE";
}

std::string_view HttpClient::Reply::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (boost::beast::iequals(key, name)) return value;
    return {};
}

struct HttpClient::Impl {
    HttpConnector connector;
    Settings settings;
    std::deque<std::unique_ptr<HttpConnection>> idle;  // the longest idle first

    // The one used last, if it is still good.
    std::unique_ptr<HttpConnection> take_idle() {
        const auto old = steady_clock::now() - settings.max_idle;
        while (!idle.empty() && idle.front()->idle_since < old) idle.pop_front();
        while (!idle.empty()) {
            auto connection = std::move(idle.back());
            idle.pop_back();
            if (connection->is_quiet()) return connection;
        }
        return nullptr;
    }

    void keep(std::unique_ptr<HttpConnection> connection) {
        connection->idle_since = steady_clock::now();
        if (settings.max_age && connection->idle_since - connection->opened > *settings.max_age) return;
        idle.push_back(std::move(connection));
    }

    Result<Reply> finish(std::unique_ptr<HttpConnection> connection, Result<Exchanged> done) {
        if (!done) return std::move(done).error();
        if (done->keep_alive) keep(std::move(connection));
        return std::move(done->reply);
    }

    Deadline deadline(std::optional<Deadline> until = std::nullopt) const {
        const Deadline usual = steady_clock::now() + settings.timeout;
        return until ? std::min(*until, usual) : usual;
    }

    asio::awaitable<Result<std::unique_ptr<HttpConnection>>> open(std::optional<Deadline> send_by);
    asio::awaitable<Result<>> keep_one();
    asio::awaitable<Result<Exchanged>> exchange_on(HttpConnection& connection, const std::string& head,
                                                   const Request& request, bool* sent);
    asio::awaitable<Result<Reply>> send(Request request, bool* sent);
};

asio::awaitable<Result<std::unique_ptr<HttpConnection>>> HttpClient::Impl::open(
    std::optional<Deadline> send_by) {
    Deadline limit = steady_clock::now() + settings.connect_timeout.value_or(settings.timeout);
    if (send_by) limit = std::min(limit, *send_by);
    auto opened = co_await with_deadline(limit, connector.open());
    if (!opened && opened.error() == Errc::deadline_exceeded)
        co_return std::move(opened).error().in("connect to " + connector.peer());
    co_return opened;
}

asio::awaitable<Result<>> HttpClient::Impl::keep_one() {
    CO_TRY(auto connection, co_await open(std::nullopt));
    keep(std::move(connection));
    co_return Result<>();
}

asio::awaitable<Result<Exchanged>> HttpClient::Impl::exchange_on(HttpConnection& connection,
                                                                 const std::string& head,
                                                                 const Request& request, bool* sent) {
    if (request.send_by && steady_clock::now() >= *request.send_by)
        co_return fail(Errc::deadline_exceeded, "send request: deadline exceeded");
    if (sent) *sent = true;  // also if this is cancelled from here on
    auto done = co_await exchange(connection, head, request.body, settings.max_reply);
    if (sent) *sent = connection.sent;
    co_return done;
}

asio::awaitable<Result<HttpClient::Reply>> HttpClient::Impl::send(Request request, bool* sent) {
    CO_TRY(const std::string head, head_of(request, connector));
    if (auto kept = take_idle()) {
        auto done = co_await exchange_on(*kept, head, request, sent);
        const bool was_stale = !done && !kept->replied && closed_by_peer(done.error().code());
        const bool harmless = request.may_repeat || is_idempotent(request.method);
        const bool again = was_stale && (!kept->sent || harmless);
        if (!again) co_return finish(std::move(kept), std::move(done));
    }
    CO_TRY(auto fresh, co_await open(request.send_by));
    auto done = co_await exchange_on(*fresh, head, request, sent);
    co_return finish(std::move(fresh), std::move(done));
}

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpClient> HttpClient::make(asio::any_io_executor executor, Url url, Settings settings) {
    TRY(auto connector,
        HttpConnector::make(std::move(executor), std::move(url), settings.ca_file, settings.use_proxy));
    return HttpClient(std::unique_ptr<Impl>(new Impl{std::move(connector), std::move(settings), {}}));
}

asio::awaitable<Result<>> HttpClient::connect() {
    return with_deadline(impl_->deadline(), impl_->keep_one());
}

asio::awaitable<Result<HttpClient::Reply>> HttpClient::send(Request request, bool* sent) {
    if (sent) *sent = false;
    const Deadline deadline = impl_->deadline(request.until);
    return with_deadline(deadline, impl_->send(std::move(request), sent));
}

}  // namespace hookswitch
