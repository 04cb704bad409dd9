#include "signed_request.hpp"

#include <span>
#include <stdexcept>

namespace bench {
namespace {

constexpr std::size_t kBlock = 64;

void update(SHA256_CTX& hash, std::string_view text) { SHA256_Update(&hash, text.data(), text.size()); }

void write_hex(std::span<const std::uint8_t> bytes, char* out) {
    static constexpr char kDigits[] = "0123456789abcdef";
    for (std::uint8_t byte : bytes) {
        *out++ = kDigits[byte >> 4];
        *out++ = kDigits[byte & 15];
    }
}

void write_number(std::uint64_t number, char* out) {
    std::array<std::uint8_t, 8> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(number >> (8 * (bytes.size() - 1 - i)));
    write_hex(bytes, out);
}

}  // namespace

SignedRequest::SignedRequest(const RequestSettings& settings, std::uint64_t first_number)
    : next_number_(first_number) {
    const std::string& body = settings.body_template;
    const std::size_t placeholder = body.rfind(kPlaceholder);
    if (placeholder == std::string::npos) throw std::runtime_error("the body has no placeholder");
    start_hashes(settings, std::string_view(body).substr(0, placeholder));

    bytes_ = "POST " + settings.path + " HTTP/1.1\r\nHost: " + settings.host +
             "\r\nContent-Type: application/json\r\nUser-Agent: HMS-Sovereign/1.0\r\nX-Webhook-Event: " +
             settings.event + "\r\nX-Webhook-Timestamp: " + settings.timestamp + "\r\n" +
             (settings.scheme == Scheme::flireo ? "X-Webhook-Signature" : "X-Body-Signature") + ": sha256=";
    signature_at_ = bytes_.size();
    bytes_ += std::string(2 * SHA256_DIGEST_LENGTH, '0') +
              "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    number_at_ = bytes_.size() + placeholder;
    bytes_ += body;
}

void SignedRequest::start_hashes(const RequestSettings& settings, std::string_view before_placeholder) {
    std::array<std::uint8_t, kBlock> key{};
    if (settings.secret.size() > kBlock)
        SHA256(reinterpret_cast<const std::uint8_t*>(settings.secret.data()), settings.secret.size(),
               key.data());
    else
        settings.secret.copy(reinterpret_cast<char*>(key.data()), kBlock);

    const auto start = [&key](SHA256_CTX& hash, std::uint8_t pad) {
        std::array<std::uint8_t, kBlock> block = key;
        for (std::uint8_t& byte : block) byte ^= pad;
        SHA256_Init(&hash);
        SHA256_Update(&hash, block.data(), block.size());
    };
    start(inner_, 0x36);
    start(outer_, 0x5c);
    if (settings.scheme == Scheme::flireo) update(inner_, settings.timestamp + ".");
    update(inner_, before_placeholder);
}

void SignedRequest::renew(std::string& request) {
    write_number(next_number_++, request.data() + number_at_);

    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
    SHA256_CTX hash = inner_;
    update(hash, std::string_view(request).substr(number_at_));
    SHA256_Final(digest.data(), &hash);
    hash = outer_;
    SHA256_Update(&hash, digest.data(), digest.size());
    SHA256_Final(digest.data(), &hash);
    write_hex(digest, request.data() + signature_at_);
}

}  // namespace bench
