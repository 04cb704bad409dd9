#pragma once

// An HTTP/1.1 client for posting to one place: http://, https:// (certificates are always checked)
// or a Unix socket.
//
// Connections are kept and used again. A kept connection that turns out to have been closed by the
// peer before it said a word is replaced and the request is sent once more; a request is never
// repeated for any other reason.

#include "daemon/core/result.hpp"
#include "daemon/core/url.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

class HttpClient {
public:
    struct Settings {
        std::filesystem::path ca_file;              // PEM, instead of the system's authorities; empty: those
        std::chrono::milliseconds timeout{30'000};  // of one request, connecting included
    };

    struct Request {
        std::string target;   // begins with '/'
        HttpHeaders headers;  // besides Host and Content-Length
        std::string body;
    };

    struct Reply {
        int status = 0;
        HttpHeaders headers;
        std::string body;

        /// The first field of that name, in any case; empty if there is none.
        std::string_view header(std::string_view name) const;
    };

    /// `executor` runs one thread; the client is used on it alone. Fails if ca_file cannot be read.
    static Result<HttpClient> make(boost::asio::any_io_executor executor, Url url, Settings settings);

    HttpClient(HttpClient&&) noexcept;
    ~HttpClient();

    /// Opens a connection and keeps it for the first request, to find out early that it can.
    boost::asio::awaitable<Result<>> connect();

    /// Any number at once, each on a connection of its own. The client must outlive the call.
    /// Errc::deadline_exceeded after the timeout; otherwise the code of the system, TLS or Beast.
    boost::asio::awaitable<Result<Reply>> post(Request request);

private:
    struct Impl;
    explicit HttpClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace hookswitch
