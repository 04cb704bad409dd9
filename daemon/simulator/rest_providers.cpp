// Own keys at the providers of speech and language (BYOK). A key is never kept, only that there is one.
//
// Source: Flireo protocol reference, 7.7.

#include "daemon/simulator/rest_state.hpp"

#include <algorithm>

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

struct Provider {
    std::string_view name;
    EraSet eras;
};

constexpr Provider kProviders[] = {
    {"deepgram", kEveryEra}, {"openai", kEveryEra},    {"elevenlabs", kEveryEra}, {"xai", kEveryEra},
    {"resend", kEveryEra},   {"gladia", kSinceSnake},  {"mistral", kSinceSnake},  {"inworld", kLate},
    {"google", kLate},       {"google_vertex", kLate},
};

constexpr std::string_view kCatalog =
    R"({"providers":[{"id":"deepgram","name":"Deepgram","category":"stt","docsUrl":"https://developers.deepgram.com",)"
    R"("models":[{"id":"nova-3-general","name":"Nova 3 General","default":true}]},)"
    R"({"id":"openai","name":"OpenAI","category":"llm","docsUrl":"https://platform.openai.com/docs",)"
    R"("models":[{"id":"gpt-4.1","name":"GPT-4.1","default":true},{"id":"gpt-4o-mini","name":"GPT-4o mini","default":false}]},)"
    R"({"id":"elevenlabs","name":"ElevenLabs","category":"tts","docsUrl":"https://elevenlabs.io/docs",)"
    R"("models":[{"id":"eleven_flash_v2_5","name":"Flash v2.5","default":true}]}]})";

std::string keys_of(const RestState& state) {
    ObjectText text;
    for (const Provider& provider : kProviders) {
        if (!has(provider.eras, state.settings.era)) continue;
        const auto stored = state.byok_keys.find(std::string(provider.name));
        text.text_or_null(std::string(provider.name) + "_secret_id",
                          stored == state.byok_keys.end() ? std::nullopt : std::optional(stored->second));
    }
    return text.finish();
}

RestResult<std::string> provider_in(const RestState& state, const RestCall& call) {
    TRY(std::string name, text_member(call, "provider"));
    const auto known = std::ranges::find(kProviders, name, &Provider::name);
    if (known == std::end(kProviders) || !has(known->eras, state.settings.era))
        return invalid("provider", "is not a known provider");
    return name;
}

RestOutcome get(RestState& state, const RestCall&) {
    return RestDone{200, ObjectText().json("byok_keys", keys_of(state)).finish()};
}

RestDone changed(const RestState& state) {
    return {200, ObjectText().flag("success", true).json("byok_keys", keys_of(state)).finish()};
}

RestOutcome set(RestState& state, const RestCall& call) {
    TRY(const auto provider, provider_in(state, call));
    TRY(const auto key, text_member(call, "api_key"));
    if (key.empty()) return invalid("api_key", "must not be empty");
    state.byok_keys[provider] = "vault-" + state.new_id();
    return changed(state);
}

RestOutcome remove(RestState& state, const RestCall& call) {
    TRY(const auto provider, provider_in(state, call));
    if (state.byok_keys.erase(provider) == 0) return not_found("BYOK key");
    state.byok_config.erase(provider);
    return changed(state);
}

RestOutcome catalog(RestState&, const RestCall&) { return RestDone{200, std::string(kCatalog)}; }

RestOutcome set_config(RestState& state, const RestCall& call) {
    TRY(const auto provider, provider_in(state, call));
    dom::element config;
    if (call.body.at_key("config").get(config)) return missing("config");
    if (!config.is_object()) return invalid("config", "must be an object");
    if (!state.byok_keys.contains(provider)) return invalid("provider", "has no stored key");
    std::string text;
    append_json(text, config);
    std::string& stored = state.byok_config.try_emplace(provider, "{}").first->second;
    stored = merged(stored, text);
    ObjectText all;
    for (const auto& [name, settings] : state.byok_config) all.json(name, settings);
    return RestDone{200, ObjectText().json("byok_config", all.finish()).finish()};
}

}  // namespace

RestFunction provider_function(std::string_view resource, std::string_view verb) {
    if (resource != "byok") return nullptr;
    if (verb == "get") return get;
    if (verb == "set") return set;
    if (verb == "delete") return remove;
    if (verb == "config") return catalog;
    return verb == "set-config" ? set_config : nullptr;
}

}  // namespace hookswitch::simulator
