// What the telephone side sees of the REST side's state, and what there is to begin with.

#include "daemon/simulator/rest_api.hpp"
#include "daemon/simulator/rest_state.hpp"

namespace hookswitch::simulator {
namespace {

// Always the same, so that examples and scripts can name them.
constexpr std::string_view kFirstAssistant = "17a0cb75-fa09-4bdd-9a44-92a70d829c88";
constexpr std::string_view kFirstNumber = "4b1c6e0e-8d1f-4a34-9c5e-1f0a4f0e6f11";

Assistant assistant_of(const Object& object) {
    Assistant assistant;
    assistant.id = object.id();
    assistant.name = object.text("name").value_or("");
    assistant.business_name = object.text("business_name");
    assistant.config = call_config(object);
    assistant.webhook_url = object.text("webhook_url");
    assistant.webhook_secret = object.text("webhook_secret");
    assistant.webhook_events = webhook_events(object);
    return assistant;
}

Line line_of(const RestState& state, const Object& number) {
    Line line;
    line.number = number.text("phone_number").value_or("");
    line.id = number.id();
    line.name = number.text("name");
    const auto id = number.text("agent_id");
    const Object* assistant = id ? state.assistants.find(*id) : nullptr;
    if (assistant && assistant->flag("is_active")) line.assistant = assistant_of(*assistant);
    return line;
}

void set_all(Object& object, std::initializer_list<std::pair<std::string_view, std::string_view>> members,
             Milliseconds now) {
    for (const auto& [name, json] : members) object.set(name, std::string(json));
    object.set_time("created_at", now);
    object.set_time("updated_at", now);
}

}  // namespace

std::optional<Line> RestApi::line(std::string_view called) const {
    for (const Object& number : state_->numbers)
        if (number.text("phone_number") == called) return line_of(*state_, number);
    return std::nullopt;
}

std::optional<Assistant> RestApi::assistant(std::string_view id) const {
    const Object* found = state_->assistants.find(id);
    if (!found) return std::nullopt;
    return assistant_of(*found);
}

std::vector<Line> RestApi::lines() const {
    std::vector<Line> lines;
    for (const Object& number : state_->numbers) lines.push_back(line_of(*state_, number));
    return lines;
}

void sow(RestState& state, Milliseconds now) {
    Object assistant;
    assistant.set_text("id", kFirstAssistant);
    set_all(assistant,
            {{"name", R"("Desk")"},
             {"business_name", R"("Local platform")"},
             {"first_message", R"("Hello, how can I help you?")"},
             {"is_active", "true"},
             {"autonomous_silence_handling", "false"},
             {"gdpr_mode", "false"},
             {"stt_config", R"({"provider":"deepgram","model":"nova-3","language":"en"})"},
             {"llm_config", R"({"provider":"openai","model":"gpt-4.1"})"},
             {"tts_config", R"({"provider":"elevenlabs","voice_id":"ukiwGs47sHyibruHJ1vg"})"}},
            now);
    state.assistants.add(std::move(assistant));

    Object number;
    number.set_text("id", kFirstNumber);
    set_all(number,
            {{"phone_number", R"("+31850835037")"},
             {"name", R"("Desk")"},
             {"source", R"("sip")"},
             {"is_active", "true"}},
            now);
    number.set_text("agent_id", kFirstAssistant);
    state.numbers.add(std::move(number));
}

}  // namespace hookswitch::simulator
