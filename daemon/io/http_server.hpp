#pragma once

// A small HTTP/1.1 server on one thread: plain, TLS or a Unix socket, connections kept, limits on whatever
// a client could hold or send. For what is not the data listener, which has a session of its own that
// is faster and stricter.

#include "daemon/core/result.hpp"
#include "daemon/core/signature.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch {

/// Borrowed; valid until its answer is there.
struct HttpRequest {
    std::string_view method, path, query;          // path and query as sent, without "?"
    std::string_view host, origin, authorization;  // header fields; empty: absent
    std::string_view body;
    std::string peer;  // address without port; "unix"
};

struct HttpAnswer {
    int status = 200;
    std::string body;
    std::string_view content_type = "application/json";             // static text
    std::vector<std::pair<std::string_view, std::string>> headers;  // names are static text
    bool close = false;                                             // the connection, afterwards
    bool silent = false;    // nothing is said, and the connection held until the peer ends it
    bool verbatim = false;  // `body` are the bytes to send, head and all; implies close
};

/// A certificate chain and its key, PEM.
struct TlsIdentity {
    std::string certificate;
    Secret key;
};

class HttpServer {
public:
    struct Settings {
        std::string listen;       // as for open_listeners; of several addresses the first
        mode_t unix_mode = 0660;  // a group may be let in by the directory's group; the world may not
        std::optional<TlsIdentity> tls;
        std::size_t most_connections = 64;
        std::uint32_t most_head = 16 << 10;
        std::uint64_t most_body = 64 << 10;
        std::chrono::seconds idle_time{75};    // between two requests; longer than most monitors' interval
        std::chrono::seconds request_time{5};  // from its first byte to its last; a TLS handshake too
        std::chrono::seconds write_time{30};
        // What a request that cannot be read is told; `code` is one of ours.
        std::function<HttpAnswer(int status, std::string_view code, std::string_view message)> refuse;
        std::function<bool()> spoil_handshake;  // true: this TLS handshake fails; for tests of clients
        std::string_view name = "http";         // begins its log lines: "admin", "simulator"
    };

    /// Takes as long as it takes. An exception ends the connection.
    using Answer = std::function<boost::asio::awaitable<HttpAnswer>(const HttpRequest&)>;

    /// Listens and answers from now on, all on `home`'s one thread. Fails if the address cannot be
    /// listened on or the certificate does not fit its key.
    static Result<HttpServer> start(boost::asio::io_context& home, Settings settings, Answer answer);

    HttpServer(HttpServer&&) noexcept;
    ~HttpServer();  // stops

    /// With the port that the kernel chose: "127.0.0.1:40123", "/run/x.sock".
    const std::string& address() const;

    /// Ends the listener and every connection; `home` then has no more work of it, except for answers
    /// that are still being made.
    void stop();

private:
    struct Impl;
    explicit HttpServer(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace hookswitch
