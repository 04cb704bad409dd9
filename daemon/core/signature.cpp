#include "daemon/core/signature.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <new>

namespace hookswitch {
namespace {

constexpr std::size_t kHexDigits = 64;  // of a SHA-256 digest

struct FreeMac {
    void operator()(EVP_MAC_CTX* ctx) const noexcept { EVP_MAC_CTX_free(ctx); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

// OpenSSL fails here only when it is out of memory or has no SHA-256 at all.
void require(bool ok) {
    if (!ok) throw std::bad_alloc();
}

MacContext new_hmac_sha256(std::string_view key) {
    // Fetched once: looking an algorithm up takes OpenSSL 3 longer than hashing a small body.
    static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    require(hmac != nullptr);
    MacContext ctx(EVP_MAC_CTX_new(hmac));
    require(ctx != nullptr);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
    require(EVP_MAC_init(ctx.get(), bytes, key.size(), params) == 1);
    return ctx;
}

void update(EVP_MAC_CTX* ctx, std::string_view text) {
    require(EVP_MAC_update(ctx, reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1);
}

Error refuse(std::string why) { return fail(Errc::bad_signature, std::move(why)); }

}  // namespace

Secret::~Secret() { OPENSSL_cleanse(value_.data(), value_.size()); }

struct SigningKey::State {
    MacContext keyed;  // never updated, only duplicated
    bool empty = false;
};

SigningKey::SigningKey(const Secret& secret)
    : state_(std::make_shared<State>(State{new_hmac_sha256(secret.reveal()), secret.reveal().empty()})) {}

std::string SigningKey::sign(std::string_view timestamp, std::string_view body) const {
    const MacContext ctx(EVP_MAC_CTX_dup(state_->keyed.get()));
    require(ctx != nullptr);
    update(ctx.get(), timestamp);
    update(ctx.get(), ".");
    update(ctx.get(), body);
    std::array<unsigned char, kHexDigits / 2> digest{};
    std::size_t size = 0;
    require(EVP_MAC_final(ctx.get(), digest.data(), &size, digest.size()) == 1);
    std::string hex(kHexDigits, '0');
    for (std::size_t i = 0; i < digest.size(); ++i) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    return hex;
}

bool SigningKey::matches(std::string_view hex, std::string_view timestamp, std::string_view body) const {
    // An empty secret proves nothing: anyone can sign with it.
    if (state_->empty || hex.size() != kHexDigits) return false;
    return CRYPTO_memcmp(sign(timestamp, body).data(), hex.data(), kHexDigits) == 0;
}

Result<VerifiedBody> verify(const SignaturePolicy& policy, const SignatureHeaders& headers,
                            std::string_view body, std::chrono::system_clock::time_point now) {
    if (policy.insecure_no_signature) return VerifiedBody(body);
    if (headers.signature.empty()) return refuse("signature missing");
    if (headers.timestamp.empty()) return refuse("timestamp missing");

    // Strict, unlike the vendor's verifier, which takes "+1" and "1abc": only digits.
    const std::string_view text = headers.timestamp;
    std::int64_t sent_at = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), sent_at);
    if (text[0] == '-' || ec != std::errc() || end != text.data() + text.size())
        return refuse("timestamp is not a number of seconds");

    const auto age = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count() - sent_at;
    if (age > policy.max_age.count()) return refuse("timestamp is " + std::to_string(age) + " s old");
    if (-age > policy.max_age.count())
        return refuse("timestamp is " + std::to_string(-age) + " s in the future");

    constexpr std::string_view kPrefix = "sha256=";
    std::string_view hex = headers.signature;
    if (hex.starts_with(kPrefix)) hex.remove_prefix(kPrefix.size());
    for (const SigningKey& key : policy.keys)
        if (key.matches(hex, text, body)) return VerifiedBody(body);
    return refuse("signature does not match");
}

std::string_view without_newline(std::string_view secret) {
    if (secret.ends_with('\n')) secret.remove_suffix(1);
    if (secret.ends_with('\r')) secret.remove_suffix(1);
    return secret;
}

}  // namespace hookswitch
