#pragma once

// The platform's REST API: authentication, retries, typed errors, kept connections. One for each shard
// (or command); what goes through it is told apart from what the platform refused (PlatformError).
//
// Retries as the vendor's SDK 2 has them (protocol reference, 6.4): 429 for every method, after
// Retry-After (at most 30 s) or the backoff; 5xx, a time limit and network errors for GET, PUT and DELETE
// only, because a POST may have been carried out; the backoff is min(1 s * 2^n, 8 s). A wait that would
// last beyond the request's `until` is not begun.

#include "daemon/core/era.hpp"
#include "daemon/core/platform_error.hpp"
#include "daemon/core/query.hpp"  // path_segment(), for Request::path
#include "daemon/core/result.hpp"
#include "daemon/core/signature.hpp"
#include "daemon/core/url.hpp"
#include "daemon/io/deadline.hpp"
#include "daemon/io/http_client.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

struct PlatformSettings {
    // https; http on loopback addresses and Unix sockets only, unless `plain_anywhere`
    Url base_url{Url::Scheme::https, "api.flireo.com", "443", "", "/api/v1"};
    Secret api_key;  // empty: no Authorization (GET /health)
    Era era = Era::camel;
    std::filesystem::path ca_file;  // PEM, instead of the system's authorities; empty: those
    std::chrono::milliseconds connect_timeout{5'000};  // name, TCP, proxy and TLS
    std::chrono::milliseconds timeout{30'000};         // of one attempt, all included
    bool plain_anywhere = false;  // the admin listener of a daemon: its operator knows the network
    int retries = 2;              // attempts after the first
    std::chrono::milliseconds backoff{1'000};  // before the first retry; at most eight times this
};

class PlatformClient {
public:
    struct Request {
        std::string method;  // GET, POST, PATCH, DELETE
        std::string path;    // after the base URL's, encoded: "/calls/call-_%2B316_abc/control?limit=2"
        std::string body;    // JSON; empty: none
        // Nothing is sent (again) after this; the error is then `expired` if nothing was ever sent.
        std::optional<std::chrono::steady_clock::time_point> until = std::nullopt;
        // Called before every attempt after the first, with the reason and how long it is waited for;
        // otherwise the log is told.
        std::function<void(const PlatformError& why, std::chrono::milliseconds wait)> on_retry;
        // false: a 429 is given back at once. The caller keeps a budget of its own.
        bool retry_rate_limited = true;
    };

    struct RateLimit {  // X-RateLimit-*; protocol 6.3
        std::int64_t limit = 0, remaining = 0;
        std::chrono::sys_seconds reset;
    };

    struct Reply {
        int status = 0;
        std::string body;  // as received; empty: 204
        std::optional<RateLimit> rate_limit;
    };

    /// Called for the header fields of every answer, errors too.
    using RateLimitSeen = std::function<void(const RateLimit&)>;

    /// Fails if ca_file cannot be read, the base URL is http:// and not a loopback address, or the key
    /// has characters that cannot be sent. The environment's HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and
    /// NO_PROXY (either case; HTTP_PROXY in lower case only) are honoured, except for loopback addresses.
    static Result<PlatformClient> make(boost::asio::any_io_executor executor, PlatformSettings settings);

    PlatformClient(PlatformClient&&) noexcept;
    ~PlatformClient();

    /// Any number at once. The client must outlive the call. Every 2xx is a success.
    boost::asio::awaitable<PlatformResult<Reply>> send(Request request, RateLimitSeen seen = nullptr);

    const PlatformSettings& settings() const;

private:
    struct Impl;
    explicit PlatformClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Whether a key or token can stand behind "Bearer " in a header field (RFC 6750, 2.1, and what else
/// generators make).
bool can_be_sent(const Secret& key);

/// What is wrong with a base URL of the platform's API; empty: nothing.
std::string_view mistake_in_base_url(const Url& url);

}  // namespace hookswitch
