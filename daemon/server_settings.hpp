#pragma once

// What the operator sets for the data listener. Defaults stand here once, beside their meaning.

#include "daemon/core/address.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace hookswitch {

struct ServerSettings {
    // Each is "192.0.2.7:8080", "[2001:db8::1]:8080", "unix:/absolute/path" or "systemd"; port 0 is
    // one that the kernel chooses.
    std::vector<std::string> listen{"127.0.0.1:8080"};
    std::size_t threads = 0;                   // 0: one per core
    std::size_t max_body = 2u << 20;           // bytes; above: 413
    std::size_t max_head = 16u << 10;          // bytes of request line and header fields; above: 431
    std::size_t max_headers = 100;             // header fields; above: 431
    std::size_t max_connections = 10'000;      // above: 503 and closed
    std::size_t max_body_memory = 256u << 20;  // bytes of bodies over 64 KiB on their way; above: 503
    std::size_t failed_signatures = 20;        // a minute and client address; 0: any number
    std::chrono::milliseconds request_timeout{10'000};  // from the first byte to the last of one request
    std::chrono::milliseconds idle_timeout{75'000};     // between requests; as nginx's keepalive_timeout
    std::chrono::milliseconds drain_timeout{20'000};
    std::vector<Network> trusted_proxies{*Network::parse("127.0.0.1/32"), *Network::parse("::1/128")};

    bool operator==(const ServerSettings&) const = default;
};

}  // namespace hookswitch
