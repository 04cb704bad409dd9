#include "daemon/simulator/rest_state.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace hookswitch::simulator {

// RFC 9562, version 4.
std::string RestState::new_id() {
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

std::string RestState::new_token(std::size_t size) {
    constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::string token;
    while (token.size() < size) token += kLetters[random() % kLetters.size()];
    return token;
}

std::string_view RestCall::parameter(std::string_view name) const {
    const auto found =
        std::ranges::find(query, name, [](const auto& pair) { return std::string_view(pair.first); });
    return found == query.end() ? std::string_view() : found->second;
}

RestDone deleted(const RestState& state) {
    if (state.settings.delete_says_nothing) return {204, ""};
    return {200, R"({"success":true})"};
}

RestDone created(const RestState& state, std::string body) {
    return {state.settings.create_says_200 ? 200 : 201, std::move(body)};
}

RestResult<std::string> text_member(const RestCall& call, std::string_view name) {
    TRY(auto text, optional_text(call, name));
    if (!text) return missing(name);
    return *std::move(text);
}

RestResult<std::optional<std::string>> optional_text(const RestCall& call, std::string_view name) {
    simdjson::dom::element value;
    if (call.body.at_key(name).get(value) || value.is_null()) return std::optional<std::string>();
    std::string_view text;
    if (value.get(text)) return invalid(name, "must be a string");
    return std::optional<std::string>(text);
}

}  // namespace hookswitch::simulator
