#include "daemon/io/platform_client.hpp"

#include "daemon/core/ascii.hpp"
#include "daemon/core/units.hpp"
#include "daemon/io/log.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kMostRetryAfter{30'000};
constexpr int kMostDoublings = 3;

std::optional<PlatformClient::RateLimit> rate_limit_of(const HttpClient::Reply& reply) {
    constexpr std::int64_t kFarFuture = 1'000'000'000'000;  // what a clock can be set to, and more
    const auto limit = parse_number<std::int64_t>(reply.header("X-RateLimit-Limit"));
    const auto remaining = parse_number<std::int64_t>(reply.header("X-RateLimit-Remaining"));
    const auto reset = parse_number<std::int64_t>(reply.header("X-RateLimit-Reset"));
    if (!limit || !remaining || !reset || *reset < 0 || *reset > kFarFuture) return std::nullopt;
    PlatformClient::RateLimit out;
    out.limit = *limit;
    out.remaining = *remaining;
    out.reset = std::chrono::sys_seconds(std::chrono::seconds(*reset));
    return out;
}

// The ids of calls have the caller's number in them: "/calls/call-_%2B31612345678_abc/control". What the
// query filters by is nobody's business either.
std::string path_for_log(std::string_view path) {
    constexpr std::string_view kDigits = "0123456789";
    path = path.substr(0, path.find('?'));
    std::string shown;
    for (;;) {
        const auto plus = path.find("%2B");
        shown += path.substr(0, plus);
        if (plus == std::string_view::npos) return shown;
        path.remove_prefix(plus + 3);
        const auto digits = path.substr(0, path.find_first_not_of(kDigits));
        shown += log::number("number", "+" + std::string(digits)).value;
        path.remove_prefix(digits.size());
    }
}

PlatformError refused(const HttpClient::Reply& reply) {
    auto error = read_platform_error(reply.status, reply.reason, reply.body);
    error.retry_after = parse_retry_after(reply.header("Retry-After"), std::chrono::system_clock::now());
    return error;
}

PlatformError unanswered(const Error& why, bool sent, milliseconds timeout) {
    PlatformError error;
    error.message = why.what();
    if (why == Errc::deadline_exceeded && sent) error.message = "no reply within " + duration_text(timeout);
    error.maybe_done = sent;
    return error;
}

constexpr const char* kTooLate = "not sent: it was too late for that";

// Protocol reference, 6.4.
bool worth_a_retry(const PlatformClient::Request& request, const PlatformError& error) {
    if (error.status == 429) return request.retry_rate_limited;
    return (error.status == 0 || error.status >= 500) && is_idempotent(request.method);
}

}  // namespace

bool can_be_sent(const Secret& key) {
    return std::ranges::all_of(key.reveal(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

std::string_view mistake_in_base_url(const Url& url) {
    if (url.scheme == Url::Scheme::http && !url.is_local())
        return "the key would be sent for everybody to read: it must begin with https://";
    if (url.target.find('?') != std::string::npos) return "it must not have a '?' in it";
    return "";
}

struct PlatformClient::Impl {
    asio::any_io_executor executor;
    PlatformSettings settings;
    HttpClient http;

    bool has_passed(const std::optional<steady_clock::time_point>& until, milliseconds wait = {}) const {
        return until && steady_clock::now() + wait >= *until;
    }

    HttpClient::Request http_request(const Request& request) const;
    milliseconds wait_before_retry(const PlatformError& error, int retry) const;
    void tell(const Request& request, const PlatformError& why, milliseconds wait) const;
    asio::awaitable<PlatformResult<Reply>> attempt(const Request& request, const RateLimitSeen& seen);
    asio::awaitable<PlatformResult<Reply>> send(Request request, RateLimitSeen seen);
};

HttpClient::Request PlatformClient::Impl::http_request(const Request& request) const {
    HttpClient::Request out;
    out.method = request.method;
    std::string_view base = settings.base_url.target;
    if (base.ends_with('/')) base.remove_suffix(1);
    out.target = std::string(base) + request.path;
    if (const auto key = settings.api_key.reveal(); !key.empty())
        out.headers.emplace_back("Authorization", "Bearer " + std::string(key));
    out.headers.emplace_back("User-Agent", "hookswitch/" HOOKSWITCH_VERSION);
    out.headers.emplace_back("Accept", "application/json");
    if (!request.body.empty()) out.headers.emplace_back("Content-Type", "application/json");
    out.body = request.body;
    out.send_by = request.until;
    return out;
}

milliseconds PlatformClient::Impl::wait_before_retry(const PlatformError& error, int retry) const {
    if (error.status == 429 && error.retry_after) return std::min(*error.retry_after, kMostRetryAfter);
    return settings.backoff * (1 << std::min(retry, kMostDoublings));
}

void PlatformClient::Impl::tell(const Request& request, const PlatformError& why, milliseconds wait) const {
    if (request.on_retry) return request.on_retry(why, wait);
    log::warn("platform.retry", kv("method", request.method), kv("path", path_for_log(request.path)),
              kv("status", why.status), kv("why", why.what()), kv("wait_ms", wait.count()));
}

asio::awaitable<PlatformResult<PlatformClient::Reply>> PlatformClient::Impl::attempt(
    const Request& request, const RateLimitSeen& seen) {
    const auto started = steady_clock::now();
    bool sent = false;
    auto answer = co_await http.send(http_request(request), &sent);
    const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - started);
    if (log::enabled(log::Level::debug))
        log::debug("platform.request", kv("method", request.method), kv("path", path_for_log(request.path)),
                   kv("status", answer ? answer->status : 0), kv("ms", took.count()));
    if (!answer) {
        const bool expired = !sent && has_passed(request.until);
        co_return expired ? never_sent(kTooLate) : unanswered(answer.error(), sent, settings.timeout);
    }
    const auto rate_limit = rate_limit_of(*answer);
    if (rate_limit && seen) seen(*rate_limit);
    if (answer->status / 100 != 2) co_return refused(*answer);
    Reply reply;
    reply.status = answer->status;
    reply.body = std::move(answer->body);
    reply.rate_limit = rate_limit;
    co_return reply;
}

asio::awaitable<PlatformResult<PlatformClient::Reply>> PlatformClient::Impl::send(Request request,
                                                                                  RateLimitSeen seen) {
    if (has_passed(request.until)) co_return never_sent(kTooLate);
    for (int retry = 0;; ++retry) {
        auto result = co_await attempt(request, seen);
        if (result || retry == settings.retries || !worth_a_retry(request, result.error())) co_return result;
        const auto wait = wait_before_retry(result.error(), retry);
        if (has_passed(request.until, wait)) co_return result;
        tell(request, result.error(), wait);
        asio::steady_timer timer(executor, wait);
        co_await timer.async_wait(asio::use_awaitable);
        if (has_passed(request.until)) co_return result;
    }
}

PlatformClient::PlatformClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PlatformClient::PlatformClient(PlatformClient&&) noexcept = default;
PlatformClient::~PlatformClient() = default;

Result<PlatformClient> PlatformClient::make(asio::any_io_executor executor, PlatformSettings settings) {
    const auto mistake = mistake_in_base_url(settings.base_url);
    if (!mistake.empty() && !settings.plain_anywhere)
        return fail(Errc::invalid_config, "base URL of the platform: " + std::string(mistake));
    if (!can_be_sent(settings.api_key))
        return fail(Errc::invalid_config, "the API key has characters that cannot be sent");
    HttpClient::Settings http;
    http.ca_file = settings.ca_file;
    http.timeout = settings.timeout;
    http.connect_timeout = settings.connect_timeout;
    TRY(auto client, HttpClient::make(executor, settings.base_url, std::move(http)));
    return PlatformClient(
        std::unique_ptr<Impl>(new Impl{std::move(executor), std::move(settings), std::move(client)}));
}

asio::awaitable<PlatformResult<PlatformClient::Reply>> PlatformClient::send(Request request,
                                                                            RateLimitSeen seen) {
    return impl_->send(std::move(request), std::move(seen));
}

const PlatformSettings& PlatformClient::settings() const { return impl_->settings; }

}  // namespace hookswitch
