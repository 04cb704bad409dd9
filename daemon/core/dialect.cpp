#include "daemon/core/dialect.hpp"

#include <array>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

// Where in the configuration a key stands; the same word can be ours in one place and the user's in
// another, so a rule counts only in its place.
enum class Place { users, reply, assistant, voice, model, tools, analysis_plan };

struct Rule {
    Place in;
    std::string_view snake, camel, legacy;
    Place inside = Place::users;
};

// legacy `model`, `voice` and `transcriber` are what later became llm_config, tts_config and
// stt_config; their members are not documented to differ but for voiceId.
constexpr std::array kRules{
    Rule{Place::reply, "assistant", "assistant", "assistant", Place::assistant},
    Rule{Place::reply, "assistant_override", "assistant_override", "assistant_override", Place::assistant},
    Rule{Place::reply, "max_duration_seconds", "maxDurationSeconds", "maxDurationSeconds"},
    Rule{Place::assistant, "first_message", "firstMessage", "firstMessage"},
    Rule{Place::assistant, "max_duration_seconds", "maxDurationSeconds", "maxDurationSeconds"},
    Rule{Place::assistant, "voicemail_message", "voicemail_message", "voicemailMessage"},
    Rule{Place::assistant, "llm_config", "llm_config", "model", Place::model},
    Rule{Place::assistant, "stt_config", "stt_config", "transcriber"},
    Rule{Place::assistant, "tts_config", "tts_config", "voice", Place::voice},
    Rule{Place::assistant, "analysis_plan", "analysisPlan", "analysisPlan", Place::analysis_plan},
    Rule{Place::voice, "voice_id", "voiceId", "voiceId"},
    Rule{Place::model, "tools", "tools", "tools", Place::tools},
    Rule{Place::tools, "async_response", "asyncResponse", "asyncResponse"},
    Rule{Place::analysis_plan, "structured_data_plan", "structuredDataPlan", "structuredDataPlan"},
    Rule{Place::analysis_plan, "min_messages_threshold", "minMessagesThreshold", "minMessagesThreshold"},
};

const Rule* rule_for(Place in, std::string_view key) {
    for (const Rule& rule : kRules)
        if (rule.in == in && (key == rule.snake || key == rule.camel || key == rule.legacy)) return &rule;
    return nullptr;
}

std::string_view spelled(const Rule& rule, Dialect target) {
    switch (target) {
        case Dialect::camel: return rule.camel;
        case Dialect::legacy: return rule.legacy;
        case Dialect::snake: break;
    }
    return rule.snake;
}

void append(std::string& out, dom::element value, Place place, Dialect target) {
    dom::array array;
    dom::object object;
    if (place == Place::users || (value.get(array) && value.get(object))) return append_json(out, value);

    bool first = true;
    if (!value.get(array)) {  // the rules of a list are those of its items
        out += '[';
        for (dom::element item : array) {
            if (!std::exchange(first, false)) out += ',';
            append(out, item, place, target);
        }
        out += ']';
        return;
    }
    out += '{';
    for (auto [key, member] : object) {
        if (!std::exchange(first, false)) out += ',';
        const Rule* rule = rule_for(place, key);
        append_json_string(out, rule ? spelled(*rule, target) : key);
        out += ':';
        append(out, member, rule ? rule->inside : Place::users, target);
    }
    out += '}';
}

}  // namespace

void append_assistant(std::string& out, dom::element assistant, Dialect target) {
    append(out, assistant, Place::assistant, target);
}

void append_assistant_reply(std::string& out, dom::element reply, Dialect target) {
    append(out, reply, Place::reply, target);
}

}  // namespace hookswitch
