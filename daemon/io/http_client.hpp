#pragma once

// An HTTP/1.1 client for requests to one place: http://, https:// (TLS 1.2 or later; certificates are
// always checked) or a Unix socket. Proxies are used as the environment says (core/http_proxy.hpp), unless
// they are not wanted.
//
// Connections are kept and used again, unless the peer has closed them in the meantime. If it closes one
// just when it is used again, before it said a word, the request may or may not have been carried out: it
// is sent once more if that does no harm (GET, PUT, DELETE; RFC 9110, 9.2.2, or the caller says so) or if
// nothing of it was sent. A request is never repeated for any other reason.

#include "daemon/core/result.hpp"
#include "daemon/core/url.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// Whether `file` holds certificate authorities for HttpClient::Settings::ca_file.
Result<> check_ca_file(const std::filesystem::path& file);

/// Whether a request with this method may be carried out twice.
bool is_idempotent(std::string_view method);

class HttpClient {
public:
    struct Settings {
        std::filesystem::path ca_file;              // PEM, instead of the system's authorities; empty: those
        std::chrono::milliseconds timeout{30'000};  // of one request, connecting included
        // Of name, TCP, proxy and TLS; none: only the other one counts.
        std::optional<std::chrono::milliseconds> connect_timeout = std::nullopt;
        std::size_t max_reply = std::size_t{64} << 20;  // bytes of a body
        bool use_proxy = true;                          // if the environment names one
        // Servers close idle connections after a time of their own, many after about a minute.
        std::chrono::milliseconds max_idle{60'000};
        // A connection is used no longer, so that a name's new address is noticed; none: as long as it lives.
        std::optional<std::chrono::milliseconds> max_age = std::nullopt;
    };

    struct Request {
        std::string target;   // begins with '/'
        HttpHeaders headers;  // besides Host and Content-Length
        std::string body;
        std::string method = "POST";  // not HEAD, whose answers have a length but no body
        // If it has not been sent by then, it is not sent: Errc::deadline_exceeded.
        std::optional<std::chrono::steady_clock::time_point> send_by = std::nullopt;
        // When nobody waits for the reply any more; besides the settings' timeout.
        std::optional<std::chrono::steady_clock::time_point> until = std::nullopt;
        bool may_repeat = false;  // carrying it out twice does no harm, whatever its method
    };

    struct Reply {
        int status = 0;
        HttpHeaders headers;
        std::string body;
        std::string reason;  // of the status line

        /// The first field of that name, in any case; empty if there is none.
        std::string_view header(std::string_view name) const;
    };

    /// `executor` runs one thread; the client is used on it alone. Fails if ca_file cannot be read, or
    /// the environment names a proxy that cannot be used.
    static Result<HttpClient> make(boost::asio::any_io_executor executor, Url url, Settings settings);

    HttpClient(HttpClient&&) noexcept;
    ~HttpClient();

    /// Opens a connection and keeps it for the first request, to find out early that it can.
    boost::asio::awaitable<Result<>> connect();

    /// Any number at once, each on a connection of its own. The client must outlive the call. `sent`, if
    /// given, tells afterwards whether the request may have arrived; it is for those who got no reply.
    /// Errc::deadline_exceeded after a time limit, Errc::body_too_large for a reply over the limit; otherwise
    /// the code of the system, TLS or Beast. A reply that was cut short is an error.
    boost::asio::awaitable<Result<Reply>> send(Request request, bool* sent = nullptr);

private:
    struct Impl;
    explicit HttpClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace hookswitch
