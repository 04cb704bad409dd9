#pragma once

// Proof that a request came from someone who holds the shared secret.
//
// Source: Flireo protocol reference, section 2.2 (signature) and 2.3 (secrets).

#include "daemon/core/result.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// A string that logs, formats and compares like nothing at all. Reading it takes a `reveal()`
/// that a reviewer can grep for. The memory is wiped on destruction.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    Secret(const Secret&) = default;
    Secret(Secret&&) noexcept = default;
    Secret& operator=(const Secret&) = default;
    Secret& operator=(Secret&&) noexcept = default;
    ~Secret();

    std::string_view reveal() const noexcept { return value_; }

private:
    std::string value_;
};

/// An HMAC-SHA-256 key, expanded once; signing a message only copies the expanded state.
/// Const members may be called on any thread.
class SigningKey {
public:
    explicit SigningKey(const Secret& secret);

    /// Lower-case hex of HMAC-SHA-256(secret, timestamp "." body), 64 characters.
    std::string sign(std::string_view timestamp, std::string_view body) const;

    /// True if `hex` is that signature; constant time in its content.
    bool matches(std::string_view hex, std::string_view timestamp, std::string_view body) const;

private:
    struct State;
    std::shared_ptr<const State> state_;
};

struct SignaturePolicy {
    std::vector<SigningKey> keys;  // any one may match, so that secrets can be rotated
    std::chrono::seconds max_age{
        300};  // how far the sender's clock may differ from ours, both ways, inclusive
    bool insecure_no_signature = false;  // accept everything; the operator asked for it by this name
};

/// What the sender claims, as the text of its header fields. nullopt-like empty means absent.
struct SignatureHeaders {
    std::string_view signature;  // X-Webhook-Signature: 64 hex digits, with or without "sha256="
    std::string_view timestamp;  // X-Webhook-Timestamp: Unix seconds, as sent
};

/// A request body whose sender has been proved. `verify` is the only maker, so a function that
/// takes one cannot be handed unchecked bytes. Borrows the bytes.
class VerifiedBody {
public:
    std::string_view text() const noexcept { return text_; }

private:
    friend Result<VerifiedBody> verify(const SignaturePolicy&, const SignatureHeaders&, std::string_view,
                                       std::chrono::system_clock::time_point);
    explicit VerifiedBody(std::string_view text) : text_(text) {}
    std::string_view text_;
};

/// Checks signature and freshness. Errc::bad_signature for every way of being wrong; what() says
/// which, for the operator's log; the peer is never told. Cheap checks first, the MAC last.
Result<VerifiedBody> verify(const SignaturePolicy& policy, const SignatureHeaders& headers,
                            std::string_view body, std::chrono::system_clock::time_point now);

/// Removes one trailing newline ("\n" or "\r\n"), which editors and `echo` leave in secret files.
std::string_view without_newline(std::string_view secret);

}  // namespace hookswitch
