#include "daemon/simulator/webhook_answer.hpp"

#include "daemon/core/dialect.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

std::optional<dom::element> member(dom::element object, std::string_view key) {
    dom::element value;
    if (object[key].get(value) || value.is_null()) return std::nullopt;
    return value;
}

std::optional<std::string> text(dom::element object, std::string_view key) {
    const auto value = member(object, key);
    std::string_view found;
    if (!value || value->get(found)) return std::nullopt;
    return std::string(found);
}

void shorten(std::optional<std::chrono::milliseconds>& limit, dom::element object) {
    for (const std::string_view key : {"max_duration_seconds", "maxDurationSeconds"}) {
        const auto value = member(object, key);
        std::int64_t seconds = 0;
        if (!value || value->get(seconds) || seconds <= 0) continue;
        const std::chrono::milliseconds given = std::chrono::seconds(seconds);
        limit = limit ? std::min(*limit, given) : given;
    }
}

// The members that tell where webhooks go are not part of what is echoed.
void take_webhook(AssistantAnswer& answer, dom::element assistant) {
    answer.webhook_url = text(assistant, "webhook_url");
    answer.webhook_secret = text(assistant, "webhook_secret");
    dom::array events;
    const auto list = member(assistant, "webhook_events");
    if (!list || list->get(events)) return;
    auto& names = answer.webhook_events.emplace();
    for (const dom::element event : events) {
        std::string_view name;
        if (!event.get(name)) names.emplace_back(name);
    }
}

bool is_webhook(std::string_view key) {
    return key == "webhook_url" || key == "webhook_secret" || key == "webhook_events";
}

void append_member(std::string& out, std::string_view key, dom::element value) {
    if (out.size() > 1) out += ',';
    append_json_string(out, key);
    out += ':';
    append_json(out, value);
}

std::string without_webhook(std::string_view snake) {
    const auto doc = Document::parse(snake);
    dom::object object;
    if (!doc || doc->root().get(object)) return "{}";
    std::string out = "{";
    for (const auto [key, value] : object)
        if (!is_webhook(key)) append_member(out, key, value);
    return out + "}";
}

void take_changes(AssistantAnswer& answer, dom::element changes) {
    if (!changes.is_object()) return;
    take_webhook(answer, changes);
    shorten(answer.max_duration, changes);
    std::string snake;
    append_assistant(snake, changes, Dialect::snake);
    answer.changes = without_webhook(snake);
}

ToolOutcome told(std::string_view sentence) { return {json_string(sentence), true}; }

ToolOutcome outcome_of(dom::element result) {
    ToolOutcome outcome;
    append_json(outcome.result, result);
    outcome.error = result.is_object() && member(result, "error");
    return outcome;
}

ToolOutcome result_for(dom::array results, std::string_view key, std::string_view id) {
    for (const dom::element entry : results) {
        if (text(entry, key) != id) continue;
        dom::element result;
        if (entry["result"].get(result)) return told("The tool gave no result.");
        return outcome_of(result);
    }
    return told("The tool gave no result.");
}

}  // namespace

std::string_view name_of(AssistantAnswer::Kind kind) {
    switch (kind) {
        case AssistantAnswer::Kind::saved: return "default";
        case AssistantAnswer::Kind::assistant: return "assistant";
        case AssistantAnswer::Kind::hybrid: return "hybrid";
        case AssistantAnswer::Kind::rejected: return "rejected";
    }
    return "default";
}

Result<AssistantAnswer> read_assistant_answer(std::string_view body) {
    TRY(const auto doc, Document::parse(body));
    const dom::element root = doc.root();
    if (!root.is_object()) return fail(Errc::malformed_body, "the answer is not a JSON object");
    AssistantAnswer answer;
    if (auto error = text(root, "error")) {
        answer.kind = AssistantAnswer::Kind::rejected;
        answer.error = *std::move(error);
        return answer;
    }
    shorten(answer.max_duration, root);
    if (auto id = text(root, "assistant_id")) {
        answer.kind = AssistantAnswer::Kind::hybrid;
        answer.assistant_id = *std::move(id);
        if (const auto changes = member(root, "assistant_override")) take_changes(answer, *changes);
    } else if (const auto assistant = member(root, "assistant")) {
        answer.kind = AssistantAnswer::Kind::assistant;
        take_changes(answer, *assistant);
    }
    return answer;
}

std::string merged_assistant(std::string_view saved, std::string_view changes) {
    const auto old = Document::parse(saved);
    const auto changed = Document::parse(changes);
    dom::object before, after;
    if (!changed || changed->root().get(after)) return std::string(saved);
    if (!old || old->root().get(before)) return std::string(changes);
    std::string out = "{";
    for (const auto [key, value] : before) {
        dom::element replaced;
        append_member(out, key, after[key].get(replaced) ? value : replaced);
    }
    for (const auto [key, value] : after) {
        dom::element known;
        if (before[key].get(known)) append_member(out, key, value);
    }
    return out + "}";
}

std::string snake_assistant(std::string_view config) {
    const auto doc = Document::parse(config);
    if (!doc || !doc->root().is_object()) return "{}";
    std::string out;
    append_assistant(out, doc->root(), Dialect::snake);
    return out;
}

std::optional<std::string> text_member_of(std::string_view object, std::string_view key) {
    const auto doc = Document::parse(object);
    if (!doc || !doc->root().is_object()) return std::nullopt;
    return text(doc->root(), key);
}

bool wants_analysis(std::string_view assistant, std::size_t lines) {
    constexpr std::int64_t kThreshold = 2;  // protocol, 3.4.1
    const auto doc = Document::parse(assistant);
    if (!doc || !doc->root().is_object()) return false;
    const auto plan = member(doc->root(), "analysis_plan");
    if (!plan) return false;
    std::int64_t least = kThreshold;
    if (const auto given = member(*plan, "min_messages_threshold"); given && given->get(least))
        least = kThreshold;
    const auto data = member(*plan, "structured_data_plan");
    bool enabled = true;
    if (const auto given = data ? member(*data, "enabled") : std::nullopt; given && given->get(enabled))
        enabled = true;
    return enabled && static_cast<std::int64_t>(lines) >= least;
}

std::vector<ToolOutcome> read_tool_answer(Dialect dialect, std::string_view body,
                                          std::span<const ToolUse> tools) {
    const auto all = [&](const ToolOutcome& outcome) {
        return std::vector<ToolOutcome>(tools.size(), outcome);
    };
    const auto doc = Document::parse(body);
    if (!doc || !doc->root().is_object()) return all(told("The tool gave an unusable answer."));
    const dom::element root = doc->root();
    dom::element value;
    dom::array results;
    if (!root["results"].get(value) && !value.get(results)) {
        const auto key = dialect == Dialect::snake ? "tool_call_id" : "toolCallId";
        std::vector<ToolOutcome> outcomes;
        for (const ToolUse& tool : tools) outcomes.push_back(result_for(results, key, tool.id));
        return outcomes;
    }
    if (!root["result"].get(value)) return all(outcome_of(value));
    if (!root["error"].get(value)) {
        ToolOutcome outcome = outcome_of(value);
        outcome.error = true;
        return all(outcome);
    }
    return all(outcome_of(root));
}

}  // namespace hookswitch::simulator
