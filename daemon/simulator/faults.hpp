#pragma once

// What goes wrong on purpose at the local platform's REST API, so that a client's handling of it can be
// tried.

#include "daemon/core/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace hookswitch::simulator {

/// Shares are 0 to 1, of all requests (TLS: of all connections).
struct RestFaults {
    double rate_limited = 0;  // 429 with Retry-After, before the request is processed
    double server_error = 0;  // 500, 502 (a proxy's HTML), 503 or 504, before the request is processed
    double hang = 0;          // no answer; the request was processed
    double garbage = 0;       // bytes that are not HTTP; the request was processed
    double cut = 0;           // the connection ends in the middle of the answer; the request was processed
    double tls_failure = 0;   // the handshake fails
    std::chrono::milliseconds slow{};  // every answer waits so long

    bool any() const;
};

/// "rest-429=5%", "rest-5xx=10%", "rest-hang=1%", "rest-garbage=2%", "rest-cut=1%", "rest-slow=500ms",
/// "tls-failure=2%"; without a share: all of them. Errc::invalid_config.
Result<> add_fault(RestFaults& faults, std::string_view text);

/// "5%", "0.5%" as a share; nullopt for anything else, and for more than all.
std::optional<double> parse_share(std::string_view text);

/// Whether `text` names one of these, and not one of the calls' faults.
bool is_rest_fault(std::string_view text);

/// Decides for each request. The same seed and the same requests give the same faults.
class FaultDice {
public:
    enum class Fault { none, rate_limited, server_error, hang, garbage, cut };

    FaultDice(RestFaults faults, std::uint64_t seed) : faults_(faults), random_(seed) {}

    Fault next();
    bool spoils_handshake();
    const RestFaults& faults() const { return faults_; }

    /// One of the first `n` numbers, for the kinds that a fault has.
    std::size_t pick(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

private:
    double roll();

    RestFaults faults_;
    std::mt19937_64 random_;
};

}  // namespace hookswitch::simulator
