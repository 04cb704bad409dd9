#pragma once

// Proof that a request came from someone who holds the shared secret.
//
// Source: Flireo protocol reference, section 2.2 (signature) and 2.3 (secrets).

#include "daemon/core/result.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct evp_mac_ctx_st;  // OpenSSL's EVP_MAC_CTX

namespace hookswitch {

struct FreeMac {
    void operator()(evp_mac_ctx_st* context) const noexcept;
};

/// A string that logs, formats and compares like nothing at all. Reading it takes a `reveal()`
/// that a reviewer can grep for. Its bytes are in memory once: copies share them, a move leaves none
/// behind, and they are wiped with the last of them.
class Secret {
public:
    Secret() = default;

    /// Wipes `value`, all that it ever held included. (So it takes no other: a copy that stays behind in
    /// the caller is not to be made without a thought.)
    explicit Secret(std::string&& value);

    std::string_view reveal() const noexcept { return {bytes_.get(), size_}; }

private:
    std::shared_ptr<const char[]> bytes_;
    std::size_t size_ = 0;
};

/// Overwrites `text`, what is behind its end included, and empties it.
void wipe(std::string& text) noexcept;

/// An HMAC-SHA-256 key, expanded once; signing a message only copies the expanded state.
/// Const members may be called on any thread. OpenSSL wipes the key when the last copy goes.
class SigningKey {
public:
    explicit SigningKey(const Secret& secret);

    /// Lower-case hex of HMAC-SHA-256(secret, timestamp "." body), 64 characters.
    std::string sign(std::string_view timestamp, std::string_view body) const;

private:
    friend class Verification;
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

/// A request body whose sender has been proved. `Verification` is the only maker, so a function that
/// takes one cannot be handed unchecked bytes. Borrows the bytes.
class VerifiedBody {
public:
    static constexpr std::size_t kNoKey = static_cast<std::size_t>(-1);

    std::string_view text() const noexcept { return text_; }

    /// Which of the policy's keys proved it; kNoKey: none was asked for.
    std::size_t key() const noexcept { return key_; }

private:
    friend class Verification;
    VerifiedBody(std::string_view text, std::size_t key) : text_(text), key_(key) {}
    std::string_view text_;
    std::size_t key_;
};

/// What can be said before the body is there: that it has a signature of the right form, and is fresh.
/// The same refusals as verify().
Result<> check_claims(const SignaturePolicy& policy, const SignatureHeaders& headers,
                      std::chrono::system_clock::time_point now);

/// verify() in steps, because hashing megabytes takes so long that others should have a turn meanwhile.
/// Borrows all that it is given.
class Verification {
public:
    Verification(const SignaturePolicy& policy, const SignatureHeaders& headers, std::string_view body,
                 std::chrono::system_clock::time_point now);
    Verification(const Verification&) = delete;
    Verification& operator=(const Verification&) = delete;

    /// Hashes about so many bytes more. True: there is a verdict.
    bool advance(std::size_t bytes);

    /// As verify(), which only goes all the way at once.
    Result<VerifiedBody> verdict() const;

private:
    void end_key();

    const SignaturePolicy& policy_;
    std::string_view timestamp_, wanted_, body_;
    Result<> claims_;
    std::size_t key_ = 0, hashed_ = 0;              // of the body, with this key
    std::unique_ptr<evp_mac_ctx_st, FreeMac> mac_;  // in the middle of a body
    bool proved_ = false;
};

/// Checks signature and freshness. Errc::bad_signature for every way of being wrong; what() says
/// which, for the operator's log; the peer is never told. Cheap checks first, the MAC last.
Result<VerifiedBody> verify(const SignaturePolicy& policy, const SignatureHeaders& headers,
                            std::string_view body, std::chrono::system_clock::time_point now);

/// Removes one trailing newline ("\n" or "\r\n"), which editors and `echo` leave in secret files.
std::string_view without_newline(std::string_view secret);

}  // namespace hookswitch
