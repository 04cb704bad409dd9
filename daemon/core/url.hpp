#pragma once

// Where we post to.

#include "daemon/core/result.hpp"

#include <string>
#include <string_view>

namespace hookswitch {

struct Url {
    enum class Scheme { http, https, unix_socket };

    Scheme scheme = Scheme::http;
    std::string host, port;    // host without the brackets of an IPv6 address; not for unix_socket
    std::string socket;        // path of a Unix socket
    std::string target = "/";  // path and query, as sent in the request line

    /// "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock": the peer, for messages.
    std::string peer() const;

    /// A Unix socket, a loopback address or "localhost": nobody on the way can listen.
    bool is_local() const;
};

/// "http://host[:port][/path]", "https://...", or "unix:/path/to/socket[:/path]".
/// Errc::invalid_config with the reason for anything else, user names and fragments included.
Result<Url> parse_url(std::string_view text);

}  // namespace hookswitch
