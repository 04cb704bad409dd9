#pragma once

// The probe of `hookswitch doctor --url`: a signed request that is no event. It goes the way of the
// platform's webhooks; the daemon stores nothing of it and answers how it looked on arrival. Who asks has the
// secret of the source, so nothing is told to strangers.

#include "daemon/core/address.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

/// A body, the same every time.
std::string probe_body();

/// Whether a body, whose signature holds, is a probe; a look at its first bytes for any other.
bool is_probe(std::string_view body);

struct ProbeSeen {
    std::optional<Address> connection;  // nullopt: a Unix socket
    std::optional<Address> client;      // whom the daemon takes it to be from
    bool trusted = false;               // the connection's address is one of server.trusted_proxies
    std::string_view x_forwarded_for, forwarded, source;
};

/// The answer: a JSON object.
std::string probe_reply(const ProbeSeen& seen);

/// What the probe says in X-Forwarded-For, as an attacker would: an address for documentation (RFC 5737).
inline constexpr std::string_view kForgedClient = "192.0.2.77";

struct ProbeVerdict {
    enum class Status { good, doubtful, bad };
    Status status = Status::good;
    std::string what, todo;
};

/// What the answer to a probe says of the way that it took.
ProbeVerdict judge_probe(int status, std::string_view body);

}  // namespace hookswitch
