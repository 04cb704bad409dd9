// POST /calls/outbound and POST /calls/{id}/control: what the API does on the telephone.
//
// Source: Flireo protocol reference, 4 and 5.4.

#include "daemon/core/call_command.hpp"
#include "daemon/simulator/rest_state.hpp"

#include <algorithm>
#include <array>

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

// What is echoed to webhooks as `message.assistant` (3.0).
constexpr std::string_view kCallMembers[] = {
    "first_message",
    "stt_config",
    "llm_config",
    "tts_config",
    "max_duration_seconds",
    "analysis_plan",
    "speech_config",
    "autonomous_silence_handling",
    "silence_timeout_seconds",
    "voicemail_detection",
    "voicemail_message",
    "recording_consent",
    "gdpr_mode",
};

constexpr std::array<std::string_view, 3> kWebhookMembers{"webhook_url", "webhook_secret", "webhook_events"};

std::string json_of(dom::element value) {
    std::string text;
    append_json(text, value);
    return text;
}

// A member under its name or the one it had before; null and absent are the same.
std::optional<dom::element> member(const RestCall& call, std::string_view name, std::string_view before) {
    dom::element value;
    for (const auto key : {name, before})
        if (!call.body.at_key(key).get(value) && !value.is_null()) return value;
    return std::nullopt;
}

RestResult<std::optional<dom::element>> object_member(const RestCall& call, std::string_view name,
                                                      std::string_view before) {
    const auto value = member(call, name, before);
    if (value && !value->is_object()) return invalid(name, "must be an object");
    return value;
}

RestResult<> check_transient(dom::element assistant) {
    dom::element config;
    if (assistant["llm_config"].get(config) || !config.is_object()) return missing("assistant.llm_config");
    std::string_view provider;
    if (!config["provider"].get(provider) && is_realtime(provider)) return {};
    for (const auto* name : {"stt_config", "tts_config"})
        if (assistant[name].get(config) || !config.is_object())
            return missing("assistant." + std::string(name));
    return {};
}

// Takes the webhook out of a configuration that goes to webhooks itself.
void take_webhook(Dial& dial) {
    const auto document = Document::parse(dial.assistant);
    dom::object config;
    if (!document || document->root().get(config)) return;
    ObjectText rest;
    for (const auto& [key, value] : config) {
        std::string_view text;
        if (key == "webhook_url" && !value.get(text)) dial.webhook_url = std::string(text);
        if (key == "webhook_secret" && !value.get(text)) dial.webhook_secret = std::string(text);
        if (std::ranges::find(kWebhookMembers, key) == kWebhookMembers.end()) rest.json(key, json_of(value));
    }
    dial.assistant = rest.finish();
}

RestResult<Dial> dial_saved(RestState& state, const RestCall& call, std::string id, std::string destination) {
    const Object* assistant = state.assistants.find(id);
    if (!assistant) return not_found(state.settings.era == Era::camel ? "Agent" : "Assistant");
    if (!assistant->flag("is_active")) return invalid("agent_id", "is not active");
    Dial dial = dial_with(state, *assistant, std::move(destination));
    TRY(const auto override, object_member(call, "assistant_override", "agent_config"));
    if (override) {
        dial.assistant = merged(dial.assistant, json_of(*override));
        take_webhook(dial);
    }
    return dial;
}

RestResult<Dial> dial_transient(dom::element assistant, std::string destination) {
    if (auto r = check_transient(assistant); !r) return r.error();
    Dial dial;
    dial.destination = std::move(destination);
    dial.assistant = json_of(assistant);
    take_webhook(dial);
    return dial;
}

// The three modes of 5.4; what does not go together is not documented, and refused.
RestResult<Dial> resolve(RestState& state, const RestCall& call, std::string destination) {
    const bool camel = state.settings.era == Era::camel;
    const std::string_view name = camel ? "agent_id" : "assistant_id";
    TRY(const auto transient, object_member(call, "assistant", "agent"));
    const auto reference = member(call, "assistant_id", "agent_id");
    if (!transient && !reference) return missing(name);
    if (transient && reference) return invalid("assistant", "must not be given together with assistant_id");
    if (transient) return dial_transient(*transient, std::move(destination));
    std::string_view id;
    if (reference->get(id)) return invalid(name, "must be a string");
    return dial_saved(state, call, std::string(id), std::move(destination));
}

// The assistant's own; else any.
const Object* number_of(const RestState& state, const std::optional<std::string>& assistant) {
    const auto own = std::ranges::find_if(state.numbers, [&](const Object& number) {
        return assistant && number.text("agent_id") == *assistant;
    });
    if (own != state.numbers.end()) return &*own;
    return state.numbers.size() > 0 ? &*state.numbers.begin() : nullptr;
}

void set_number(Dial& dial, const Object* number) {
    if (!number) return;
    dial.number_id = number->id();
    dial.from = number->text("phone_number");
}

// From the number that is asked for, if any is.
RestResult<> choose_number(RestState& state, const RestCall& call, Dial& dial) {
    TRY(const auto wanted, optional_text(call, "number_id"));
    const Object* number = wanted ? state.numbers.find(*wanted) : number_of(state, dial.agent_id);
    if (wanted && !number) return not_found("Number");
    set_number(dial, number);
    return {};
}

RestResult<> check_credits(const RestState& state) {
    if (state.settings.balance > state.used_minutes) return {};
    RestError error;
    error.status = 402;
    error.code = "insufficient_credits";
    error.message = "Your account has no credits remaining.";
    error.extra = "\"balance\":0";
    error.shape = ErrorShape::f;
    return error;
}

RestOutcome outbound(RestState& state, const RestCall& call) {
    TRY(std::string destination, text_member(call, "destination"));
    if (!is_e164(destination)) return invalid("destination", "must be in E.164 format (+31612345678)");
    TRY(Dial dial, resolve(state, call, std::move(destination)));
    TRY(dial.first_message, optional_text(call, "first_message"));
    TRY(dial.context, optional_text(call, "context"));
    if (auto r = choose_number(state, call, dial); !r) return r.error();
    if (auto r = check_credits(state); !r) return r.error();
    if (dial.first_message)
        dial.assistant =
            merged(dial.assistant, ObjectText().text("first_message", *dial.first_message).finish());
    const std::string id = state.switchboard->dial(std::move(dial));
    const CallRecord* record = state.calls.find(id);
    return RestDone{200, ObjectText()
                             .flag("success", true)
                             .text("call_id", id)
                             .text_or_null("room_name", record ? record->room_name : std::nullopt)
                             .text("status", "dialing")
                             .finish()};
}

// The platform's table has these as required (section 4), and so we do, unlike the handlers' actions.
RestResult<> check_flags(const RestCall& call) {
    std::string_view type;
    if (call.body["type"].get(type)) return missing("type");
    const char* flag = type == "say" ? "end_after" : type == "inject-context" ? "trigger_response" : nullptr;
    dom::element value;
    if (!flag) return {};
    if (call.body[flag].get(value)) return missing(flag);
    if (!value.is_bool()) return invalid(flag, "must be a boolean");
    return {};
}

RestOutcome control(RestState& state, const RestCall& call) {
    if (!state.calls.find(call.ids.front())) return not_found("Call");
    if (auto r = check_flags(call); !r) return r.error();
    const auto command = parse_call_command(call.body_text);
    RestError refused;
    refused.code = "invalid_request";
    if (!command) {
        refused.message = "Invalid command: " + command.error().what();
        return refused;
    }
    switch (state.switchboard->control(call.ids.front(), *command)) {
        case ControlResult::sent: break;
        case ControlResult::not_found: return not_found("Call");
        case ControlResult::not_active: refused.message = "Call is not active"; return refused;
    }
    return RestDone{200, R"({"success":true,"message":"Command sent successfully"})"};
}

}  // namespace

std::string call_config(const Object& assistant) {
    ObjectText config;
    for (const auto name : kCallMembers)
        if (assistant.has(name)) config.json(name, assistant.json(name));
    return config.finish();
}

std::optional<std::vector<std::string>> webhook_events(const Object& assistant) {
    const auto document = Document::parse(assistant.json("webhook_events"));
    dom::array array;
    if (!document || document->root().get(array)) return std::nullopt;
    std::vector<std::string> events;
    for (const dom::element item : array)
        if (std::string_view text; !item.get(text)) events.emplace_back(text);
    return events;
}

Dial dial_with(const RestState& state, const Object& assistant, std::string destination) {
    Dial dial;
    dial.destination = std::move(destination);
    dial.agent_id = assistant.id();
    dial.agent_name = assistant.text("name");
    dial.business_name = assistant.text("business_name");
    dial.assistant = call_config(assistant);
    dial.webhook_url = assistant.text("webhook_url");
    dial.webhook_secret = assistant.text("webhook_secret");
    dial.webhook_events = webhook_events(assistant);
    set_number(dial, number_of(state, dial.agent_id));
    return dial;
}

RestFunction call_control_function(std::string_view resource, std::string_view verb) {
    if (resource != "calls") return nullptr;
    if (verb == "outbound") return outbound;
    return verb == "control" ? control : nullptr;
}

}  // namespace hookswitch::simulator
