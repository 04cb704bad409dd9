// A signed webhook request whose body is different every time it is asked for.
//
// A receiver that remembers bodies must never see one twice, and signing a whole body per request would make
// the generator the bound. So the body carries one placeholder, sixteen '@', near its end: everything before
// it is hashed once, and each request hashes only what follows from a copy of that state.
#pragma once

#define OPENSSL_SUPPRESS_DEPRECATED  // the SHA256_CTX interface can be copied without allocating
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

enum class Scheme {
    flireo,  // X-Webhook-Signature: sha256=HMAC(timestamp "." body)
    body     // X-Body-Signature: sha256=HMAC(body), what Debian's `webhook` can check
};

struct RequestSettings {
    std::string host, path = "/webhook", event, secret, body_template, timestamp;
    Scheme scheme = Scheme::flireo;
};

class SignedRequest {
public:
    static constexpr std::string_view kPlaceholder = "@@@@@@@@@@@@@@@@";

    /// Throws std::runtime_error when the template has no placeholder.
    SignedRequest(const RequestSettings& settings, std::uint64_t first_number);

    /// The bytes of the first request; every connection keeps a copy and lets `renew` change it in place.
    const std::string& bytes() const { return bytes_; }

    /// Gives `request`, a copy of bytes(), the next number and its signature.
    void renew(std::string& request);

private:
    void start_hashes(const RequestSettings& settings, std::string_view before_placeholder);

    std::string bytes_;
    std::size_t signature_at_ = 0, number_at_ = 0;
    std::uint64_t next_number_;
    SHA256_CTX inner_{}, outer_{};
};

}  // namespace bench
