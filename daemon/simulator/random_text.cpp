#include "daemon/simulator/random_text.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace hookswitch::simulator {

std::string random_uuid(std::mt19937_64& random) {
    constexpr std::uint64_t kVersion = 0x4000, kVersionMask = 0xffff'ffff'ffff'0fff;
    constexpr std::uint64_t kVariant = std::uint64_t{1} << 63, kVariantMask = ~(std::uint64_t{3} << 62);
    const std::uint64_t high = (random() & kVersionMask) | kVersion;
    const std::uint64_t low = (random() & kVariantMask) | kVariant;
    std::array<char, 37> text{};
    std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                  static_cast<unsigned>(high >> 16 & 0xffff), static_cast<unsigned>(high & 0xffff),
                  static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xffff'ffff'ffff));
    return text.data();
}

std::string random_token(std::mt19937_64& random, std::size_t size) {
    constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::string token;
    while (token.size() < size) token += kLetters[random() % kLetters.size()];
    return token;
}

}  // namespace hookswitch::simulator
