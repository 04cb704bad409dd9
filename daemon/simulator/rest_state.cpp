#include "daemon/simulator/rest_state.hpp"

#include <algorithm>

namespace hookswitch::simulator {

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
