#include "daemon/event_json.hpp"

#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace hookswitch {
namespace {

void append_text(std::string& out, const std::optional<std::string>& text) {
    text ? append_json_string(out, *text) : void(out += "null");
}

void append_time(std::string& out, const std::optional<Milliseconds>& time) {
    append_text(out, time ? std::optional(iso_time(*time)) : std::nullopt);
}

template <class Item, class Append>
void append_list(std::string& out, const std::vector<Item>& items, Append append) {
    out += '[';
    bool first = true;
    for (const Item& item : items) {
        if (!std::exchange(first, false)) out += ',';
        append(item);
    }
    out += ']';
}

void append_row(std::string& out, const EventRow& event) {
    out += "{\"id\":" + json_string(event.id);
    out += ",\"seq\":" + std::to_string(event.seq);
    out += ",\"received_at\":" + json_string(iso_time(event.received_at));
    out += ",\"type\":" + json_string(event.type);
    out += ",\"dialect\":" + json_string(event.dialect);
    out += ",\"source\":" + json_string(event.source);
    const std::pair<const char*, const std::optional<std::string>*> known[]{{"call", &event.call},
                                                                            {"status", &event.status},
                                                                            {"caller", &event.caller},
                                                                            {"called", &event.called}};
    for (const auto& [key, text] : known) {
        out += std::string(",\"") + key + "\":";
        append_text(out, *text);
    }
    out += ",\"size\":" + std::to_string(event.size);
    out += ",\"state\":" + json_string(event.state);
    out += ",\"deliveries\":";
    append_list(out, event.deliveries, [&](const DeliveryState& delivery) {
        out += "{\"handler\":" + json_string(delivery.handler) + ",\"state\":" + json_string(delivery.state);
        out += ",\"attempts\":" + std::to_string(delivery.attempts) + ",\"next_at\":";
        append_time(out, delivery.next_at);
        out += '}';
    });
}

void append_answer(std::string& out, const StoredAnswer& answer) {
    out += "{\"at\":" + json_string(iso_time(answer.at)) + ",\"status\":" + std::to_string(answer.status);
    out += ",\"body\":" + json_string(answer.body) + ",\"parts\":";
    out += Document::parse(answer.parts) ? answer.parts : "null";  // what is stored may be damaged
    out += '}';
}

void append_attempt(std::string& out, const StoredAttempt& attempt) {
    out += "{\"handler\":" + json_string(attempt.handler);
    out += fmt::format(",\"attempt\":{},\"at\":", attempt.attempt) + json_string(iso_time(attempt.at));
    out += fmt::format(",\"ms\":{:.1f},\"outcome\":", attempt.ms) + json_string(attempt.outcome);
    out += ",\"why\":";
    append_text(out, attempt.why);
    out += ",\"next_at\":";
    append_time(out, attempt.next_at);
    out += '}';
}

}  // namespace

void append_event_json(std::string& out, const EventRow& event) {
    append_row(out, event);
    out += '}';
}

void append_event_json(std::string& out, const StoredEvent& event) {
    append_row(out, event);
    out += ',';
    append_text_or_base64(out, "head", event.head);
    out += ',';
    if (event.body)
        append_text_or_base64(out, "body", *event.body);
    else
        out += "\"body\":null";
    out += ",\"answer\":";
    event.answer ? append_answer(out, *event.answer) : void(out += "null");
    out += ",\"attempts\":";
    append_list(out, event.attempts, [&](const StoredAttempt& attempt) { append_attempt(out, attempt); });
    out += '}';
}

void append_command_json(std::string& out, const StoredCommand& command) {
    out += "{\"call\":" + json_string(command.call) + ",\"event\":";
    out += command.event.empty() ? "null" : json_string(command.event);
    out += ",\"by\":" + json_string(command.by) + ",\"at\":" + json_string(iso_time(command.at));
    out += ",\"type\":" + json_string(command.type) + ",\"command\":";
    out += Document::parse(command.body) ? command.body : "null";  // what is stored may be damaged
    out += ",\"ended_at\":";
    append_time(out, command.ended_at);
    out += ",\"state\":" + (command.state.empty() ? "null" : json_string(command.state));
    out += ",\"status\":" + (command.status ? std::to_string(*command.status) : "null") + ",\"why\":";
    append_text(out, command.why);
    out += '}';
}

}  // namespace hookswitch
