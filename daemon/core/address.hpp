#pragma once

// IP addresses and networks as values, for "is this peer one of our proxies?" and for reading
// X-Forwarded-For and Forwarded (RFC 7239) without trusting them too far.

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hookswitch {

/// An IPv6 address, or an IPv4 one in its mapped form (::ffff:a.b.c.d), so that both compare.
struct Address {
    std::array<std::uint8_t, 16> bytes{};

    /// "192.0.2.7", "2001:db8::1", "[2001:db8::1]"; nullopt for anything else (host names, "unknown").
    static std::optional<Address> parse(std::string_view text);

    /// The address of an AF_INET or AF_INET6 socket address; nullopt for other families.
    static std::optional<Address> from(const sockaddr& address);

    std::string to_string() const;
    bool operator==(const Address&) const = default;
};

struct Network {
    Address base;
    unsigned prefix = 128;  // bits of the 128

    /// "10.0.0.0/8", "::1/128", or a bare address.
    static std::optional<Network> parse(std::string_view text);
    bool contains(const Address& address) const;
    bool operator==(const Network&) const = default;
};

/// Who sent the request: the nearest hop that is not one of ours. Walks the forwarded chain from
/// its end, where our own proxies append, and stops at the first address not in `trusted`: what
/// stands before it was written by strangers. A hop without an address ("unknown", "_hidden",
/// garbage) ends the walk too; the answer is then the proxy that reported it, whose log knows more.
///
/// `peer` is the socket's address; nullopt on a Unix socket, whose peer is taken for a trusted
/// proxy. `x_forwarded_for` and `forwarded` are the field values, several fields joined by ", ";
/// X-Forwarded-For is used if both are there. nullopt: a Unix socket and no usable hop.
std::optional<Address> client_address(std::optional<Address> peer, std::string_view x_forwarded_for,
                                      std::string_view forwarded, std::span<const Network> trusted);

}  // namespace hookswitch
