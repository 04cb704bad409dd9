#pragma once

// Listening sockets, from the operator's words: "127.0.0.1:8080", "[::1]:8080", "localhost:0",
// "unix:/run/hookswitch.sock", "systemd" (those that were passed to us).

#include "daemon/core/result.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

struct Listener {
    using Socket = boost::asio::generic::stream_protocol::socket;

    boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> acceptor;
    std::string address;    // as it is, with the port the kernel chose: "127.0.0.1:40123"
    std::string unix_path;  // to be removed at the end; empty if it is not ours to remove
    bool keep = false;      // TCP: it can be kept open across a restart
};

/// Opens what `listen` names; a host name with several addresses gives several. A stale Unix socket
/// that nobody listens on is replaced. The error says what failed and what is in the way.
/// `unix_mode` is who may connect to a Unix socket; by default a proxy of any user, as far as the
/// directory's mode lets it.
Result<std::vector<Listener>> open_listeners(boost::asio::io_context& context, std::string_view listen,
                                             mode_t unix_mode = 0666);

/// Has systemd keep those that can be kept open while the service restarts: connections wait in their queues
/// then, instead of being refused, and open_listeners() finds them again. Forgets those of an earlier process
/// that are not among them any more.
void keep_across_restarts(std::vector<Listener>& listeners);

/// Every connection is a descriptor; the soft limit of 1024 is meant for programs that use select().
void raise_descriptor_limit();

}  // namespace hookswitch
