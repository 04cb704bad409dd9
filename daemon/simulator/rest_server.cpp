#include "daemon/simulator/rest_server.hpp"

#include "daemon/io/certificate.hpp"
#include "daemon/io/read_file.hpp"
#include "daemon/io/wall_clock.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fstream>
#include <optional>

namespace hookswitch::simulator {
namespace {

namespace asio = boost::asio;
using Fault = FaultDice::Fault;
using std::chrono::hours;

// Load generators open as many connections as they have calls.
constexpr std::size_t kMostConnections = 20'000;
constexpr std::uint64_t kMostBody = std::uint64_t{1}
                                    << 20;  // an assistant with its prompt and tools is 100 KiB
constexpr auto kValidity = hours(24 * 365);

HttpAnswer to_http(RestReply reply) {
    HttpAnswer answer;
    answer.status = reply.status;
    answer.body = std::move(reply.body);
    answer.headers = std::move(reply.headers);
    return answer;
}

// What a proxy in front of the platform says: not JSON, and without the platform's header fields.
HttpAnswer bad_gateway() {
    HttpAnswer answer;
    answer.status = 502;
    answer.content_type = "text/html";
    answer.body =
        "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n";
    return answer;
}

// The head promises more than comes.
HttpAnswer cut_short(const RestReply& reply) {
    HttpAnswer answer;
    answer.verbatim = true;
    answer.body =
        "HTTP/1.1 " + std::to_string(reply.status) +
        " OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(reply.body.size() + 1) +
        "\r\n\r\n" + reply.body;
    return answer;
}

HttpAnswer garbage() {
    HttpAnswer answer;
    answer.verbatim = true;
    answer.body = std::string("\x16\x03\x01 these bytes are not an answer \0\xff\r\n\r\n", 37);
    return answer;
}

Result<TlsIdentity> identity_for(const TlsSettings& tls) {
    if (!tls.certificate.empty()) {
        TRY(auto certificate, read_file(tls.certificate));
        TRY(auto key, read_file(tls.key));
        return TlsIdentity{std::move(certificate), Secret(std::move(key))};
    }
    const auto now = std::chrono::system_clock::now();
    CertificateWish wish;
    wish.from = now - hours(1);  // for clients whose clock is behind
    wish.until = now + kValidity;
    if (tls.fault == CertificateFault::expired) {
        wish.from = now - hours(48);
        wish.until = now - hours(24);
    }
    if (tls.fault == CertificateFault::wrong_host) wish.names = {"elsewhere.invalid"};
    TRY(auto identity, make_certificate(wish));
    if (tls.ca.empty()) return identity;
    std::ofstream out(tls.ca, std::ios::binary | std::ios::trunc);
    if (!(out << identity.certificate).flush())
        return fail(Errc::unavailable, "write " + tls.ca.string() + ": cannot be written");
    return identity;
}

}  // namespace

struct RestServer::Impl {
    explicit Impl(RestApi& rest) : api(rest), dice(rest.settings().faults, rest.settings().seed) {}

    asio::awaitable<HttpAnswer> answer(const HttpRequest& request);
    HttpAnswer answer_now(const HttpRequest& request);
    HttpAnswer server_error();

    RestApi& api;
    FaultDice dice;
    std::optional<HttpServer> server;
};

HttpAnswer RestServer::Impl::server_error() {
    constexpr int kStatuses[] = {500, 502, 503, 504};
    const int status = kStatuses[dice.pick(std::size(kStatuses))];
    if (status == 502) return bad_gateway();
    return to_http(api.refuse(status, status == 500 ? "server_error" : "unavailable", "Something went wrong",
                              wall_now()));
}

HttpAnswer RestServer::Impl::answer_now(const HttpRequest& request) {
    const Fault fault = dice.next();
    if (fault == Fault::rate_limited) return to_http(api.refuse(429, "rate_limit_exceeded", "", wall_now()));
    if (fault == Fault::server_error) return server_error();
    const RestRequest asked{request.method, request.path, request.query, request.authorization, request.body};
    RestReply reply = api.answer(asked, wall_now());
    if (fault == Fault::garbage) return garbage();
    if (fault == Fault::cut) return cut_short(reply);
    HttpAnswer answer = to_http(std::move(reply));
    answer.silent = fault == Fault::hang;
    return answer;
}

asio::awaitable<HttpAnswer> RestServer::Impl::answer(const HttpRequest& request) {
    HttpAnswer made = answer_now(request);
    if (dice.faults().slow.count() > 0) {
        asio::steady_timer wait(co_await asio::this_coro::executor, dice.faults().slow);
        co_await wait.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return made;
}

Result<RestServer> RestServer::start(asio::io_context& home, RestApi& api) {
    auto impl = std::make_unique<Impl>(api);
    HttpServer::Settings settings;
    settings.listen = api.settings().listen;
    settings.most_connections = kMostConnections;
    settings.most_body = kMostBody;
    settings.name = "simulator";
    settings.refuse = [&api](int status, std::string_view code, std::string_view message) {
        return to_http(api.refuse(status, code, message, wall_now()));
    };
    if (api.settings().tls.on) {
        TRY(settings.tls, identity_for(api.settings().tls));
        settings.spoil_handshake = [self = impl.get()] { return self->dice.spoils_handshake(); };
    }
    auto answer = [self = impl.get()](const HttpRequest& request) { return self->answer(request); };
    TRY(auto server, HttpServer::start(home, std::move(settings), std::move(answer)));
    impl->server.emplace(std::move(server));
    return RestServer(std::move(impl));
}

RestServer::RestServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RestServer::RestServer(RestServer&&) noexcept = default;
RestServer::~RestServer() = default;

std::string RestServer::url() const {
    if (impl_->api.settings().listen.starts_with("unix:")) return impl_->api.settings().listen;
    return (impl_->api.settings().tls.on ? "https://" : "http://") + impl_->server->address();
}

void RestServer::stop() { impl_->server->stop(); }

}  // namespace hookswitch::simulator
