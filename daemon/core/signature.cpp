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

std::string hex_of(EVP_MAC_CTX* ended) {
    std::array<unsigned char, kHexDigits / 2> digest{};
    std::size_t size = 0;
    require(EVP_MAC_final(ended, digest.data(), &size, digest.size()) == 1);
    std::string hex(kHexDigits, '0');
    for (std::size_t i = 0; i < digest.size(); ++i) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    return hex;
}

std::string_view hex_digits(std::string_view signature) {
    constexpr std::string_view kPrefix = "sha256=";
    if (signature.starts_with(kPrefix)) signature.remove_prefix(kPrefix.size());
    return signature;
}

constexpr const char* kNoMatch = "signature does not match";

Error refuse(std::string why) { return fail(Errc::bad_signature, std::move(why)); }

}  // namespace

void FreeMac::operator()(evp_mac_ctx_st* context) const noexcept { EVP_MAC_CTX_free(context); }

void wipe(std::string& text) noexcept {
    text.resize(text.capacity());  // allocates nothing
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

Secret::Secret(std::string&& value) : size_(value.size()) {
    const auto wiped = [size = size_](const char* bytes) {
        OPENSSL_cleanse(const_cast<char*>(bytes), size);
        delete[] bytes;
    };
    auto bytes = std::make_unique<char[]>(size_);
    std::ranges::copy(value, bytes.get());
    wipe(value);
    bytes_ = std::shared_ptr<const char[]>(bytes.release(), wiped);
}

struct SigningKey::State {
    MacContext keyed;  // never updated, only duplicated
    bool empty = false;

    MacContext begin(std::string_view timestamp) const {
        MacContext ctx(EVP_MAC_CTX_dup(keyed.get()));
        require(ctx != nullptr);
        update(ctx.get(), timestamp);
        update(ctx.get(), ".");
        return ctx;
    }
};

SigningKey::SigningKey(const Secret& secret)
    : state_(std::make_shared<State>(State{new_hmac_sha256(secret.reveal()), secret.reveal().empty()})) {}

std::string SigningKey::sign(std::string_view timestamp, std::string_view body) const {
    const MacContext ctx = state_->begin(timestamp);
    update(ctx.get(), body);
    return hex_of(ctx.get());
}

Result<> check_claims(const SignaturePolicy& policy, const SignatureHeaders& headers,
                      std::chrono::system_clock::time_point now) {
    if (policy.insecure_no_signature) return {};
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
    if (hex_digits(headers.signature).size() != kHexDigits) return refuse(kNoMatch);
    return {};
}

Verification::Verification(const SignaturePolicy& policy, const SignatureHeaders& headers,
                           std::string_view body, std::chrono::system_clock::time_point now)
    : policy_(policy),
      timestamp_(headers.timestamp),
      wanted_(hex_digits(headers.signature)),
      body_(body),
      claims_(check_claims(policy, headers, now)) {
    if (policy.insecure_no_signature) key_ = VerifiedBody::kNoKey;
    if (!claims_ || policy.insecure_no_signature) return;
    // An empty secret proves nothing: anyone can sign with it.
    while (key_ < policy_.keys.size() && policy_.keys[key_].state_->empty) ++key_;
}

bool Verification::advance(std::size_t bytes) {
    while (claims_ && !proved_ && key_ < policy_.keys.size()) {
        if (!mac_) mac_ = policy_.keys[key_].state_->begin(timestamp_);
        const auto piece = body_.substr(hashed_, bytes);
        update(mac_.get(), piece);
        hashed_ += piece.size();
        bytes -= piece.size();
        if (hashed_ < body_.size()) return false;
        end_key();
    }
    return true;
}

void Verification::end_key() {
    proved_ = CRYPTO_memcmp(hex_of(mac_.get()).data(), wanted_.data(), kHexDigits) == 0;
    mac_.reset();
    hashed_ = 0;
    if (proved_) return;
    do {
        ++key_;
    } while (key_ < policy_.keys.size() && policy_.keys[key_].state_->empty);
}

Result<VerifiedBody> Verification::verdict() const {
    if (!claims_) return claims_.error();
    if (policy_.insecure_no_signature) return VerifiedBody(body_, VerifiedBody::kNoKey);
    if (!proved_) return refuse(kNoMatch);
    return VerifiedBody(body_, key_);
}

Result<VerifiedBody> verify(const SignaturePolicy& policy, const SignatureHeaders& headers,
                            std::string_view body, std::chrono::system_clock::time_point now) {
    Verification all(policy, headers, body, now);
    while (!all.advance(body.size() + 1)) {
    }
    return all.verdict();
}

std::string_view without_newline(std::string_view secret) {
    if (secret.ends_with('\n')) secret.remove_suffix(1);
    if (secret.ends_with('\r')) secret.remove_suffix(1);
    return secret;
}

}  // namespace hookswitch
