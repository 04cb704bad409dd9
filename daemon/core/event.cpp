#include "daemon/core/event.hpp"

#include "daemon/core/iso_time.hpp"

#include <array>
#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;
using std::chrono::milliseconds;

// Absent, null and mistyped are one thing for members that we only pass on: unknown. The platform
// may change their type any day, and the caller on the line should not pay for it.
std::optional<std::string_view> text_of(std::optional<dom::element> value) {
    std::string_view text;
    if (!value || value->get(text)) return std::nullopt;
    return text;
}

std::optional<dom::element> member(std::optional<dom::element> object, std::string_view key) {
    dom::element value;
    if (!object || (*object)[key].get(value) || value.is_null()) return std::nullopt;
    return value;
}

std::optional<std::string_view> text_member(std::optional<dom::element> object, std::string_view key) {
    return text_of(member(object, key));
}

dom::element empty_object() {
    static const Document empty = Document::parse("{}").value();
    return empty.root();
}

// The members of `message` that mean something to us, in either spelling.
struct Message {
    std::optional<dom::element> type, timestamp, call, phone_number, customer, assistant, error, end_reason,
        tool_call_list, duration_seconds, summary, analysis, messages, recording_url, started_at, ended_at;
    bool camel = false, snake = false;  // a member was there that only this dialect spells so
};

struct Member {
    std::string_view snake, camel;
    std::optional<dom::element> Message::*to;
};

constexpr std::array kMembers{
    Member{"type", "", &Message::type},
    Member{"timestamp", "", &Message::timestamp},
    Member{"call", "", &Message::call},
    Member{"phone_number", "phoneNumber", &Message::phone_number},
    Member{"customer", "", &Message::customer},
    Member{"assistant", "", &Message::assistant},
    Member{"error", "", &Message::error},
    Member{"end_reason", "endReason", &Message::end_reason},
    Member{"tool_call_list", "toolCallList", &Message::tool_call_list},
    Member{"duration_seconds", "durationSeconds", &Message::duration_seconds},
    Member{"summary", "", &Message::summary},
    Member{"analysis", "", &Message::analysis},
    Member{"messages", "", &Message::messages},
    Member{"recording_url", "recordingUrl", &Message::recording_url},
    Member{"started_at", "startedAt", &Message::started_at},
    Member{"ended_at", "endedAt", &Message::ended_at},
};

// One pass over the message instead of a search per member; this is the path of every event.
Result<Message> read_message(const Json& json) {
    TRY(const auto object, json.object());
    Message message;
    std::array<bool, kMembers.size()> seen{};
    for (auto [key, value] : object) {
        for (std::size_t i = 0; i < kMembers.size(); ++i) {
            const Member& m = kMembers[i];
            const bool camel = key == m.camel;
            if (!camel && key != m.snake) continue;
            message.camel |= camel;
            message.snake |= !camel && !m.camel.empty();
            if (std::exchange(seen[i], true))
                return fail(Errc::malformed_body, json.child(key, value).path() + ": given twice");
            if (!value.is_null()) message.*m.to = value;
            break;
        }
    }
    return message;
}

std::optional<std::string_view> direction_of(std::optional<std::string_view> call_type) {
    if (!call_type) return std::nullopt;
    if (*call_type == "inboundPhoneCall" || *call_type == "inbound_phone_call") return "inbound";
    if (*call_type == "outboundPhoneCall" || *call_type == "outbound_phone_call") return "outbound";
    if (*call_type == "webCall" || *call_type == "web_call") return "web";
    return call_type;
}

// Protocol 1.1: snake wins where both could be meant.
void tell_dialect(Event& event, const Message& message, std::optional<std::string_view> call_type,
                  Dialect fallback) {
    const auto has = [&](auto test) { return call_type && std::ranges::any_of(*call_type, test); };
    if (message.snake || has([](char c) { return c == '_'; }))
        event.dialect = Dialect::snake;
    else if (message.camel || has([](char c) { return c >= 'A' && c <= 'Z'; }))
        event.dialect = Dialect::camel;
    else
        event.dialect = fallback, event.dialect_undetermined = true;
}

// What is read here is written into an event again, a few levels deeper, and must still be readable
// there: the parser has a limit.
bool fits_into_an_event(std::string_view json) {
    std::string deeper = "[[[[";
    deeper.append(json).append("]]]]");
    return Document::parse(deeper).has_value();
}

Result<ToolCall> read_call(const Json& id, const Json& name, std::optional<dom::element> arguments) {
    ToolCall call;
    TRY(call.id, id.string());
    TRY(call.name, name.string());
    std::string_view encoded;
    if (!arguments) {
        call.arguments = empty_object();
    } else if (arguments->is_object()) {
        call.arguments = arguments;
    } else if (!arguments->get(encoded)) {  // OpenAI's habit: JSON in a string
        auto decoded = Document::parse(encoded);
        if (decoded && decoded->root().is_object() && fits_into_an_event(encoded)) {
            call.arguments = decoded->root();
            call.decoded = std::move(*decoded);
        }
    }
    return call;
}

Result<> read_tool_calls(Event& event, const Json& list) {
    return list.for_each([&](const Json& item) -> Result<> {
        TRY(const auto id, item.at("id"));
        TRY(const auto function, item.at("function"));
        TRY(const auto name, function.at("name"));
        TRY(auto call, read_call(id, name, member(function.value(), "arguments")));
        event.tool_calls.push_back(std::move(call));
        return {};
    });
}

void read_numbers(Event& event, const Message& message) {
    const auto ours = text_member(message.phone_number, "number");
    const auto theirs = text_member(message.customer, "number");
    if (event.direction) {  // without one, nobody can say who called whom
        const bool outbound = event.direction == "outbound";
        event.caller = outbound ? ours : theirs;
        event.called = outbound ? theirs : ours;
    }
    event.called_name = text_member(message.phone_number, "name");
    event.phone_number_id = text_member(message.phone_number, "id");
}

void read_time(Event& event, std::optional<dom::element> timestamp) {
    std::int64_t ms = 0;
    if (timestamp && !timestamp->get(ms)) {
        event.sent_at = Milliseconds(milliseconds(ms));
    } else if ((event.sent_at_text = text_of(timestamp))) {
        event.sent_at = parse_iso_time(*event.sent_at_text);
    }
}

Report report_of(const Message& message) {
    return {.duration_seconds = message.duration_seconds,
            .messages = message.messages,
            .analysis = message.analysis,
            .summary = text_of(message.summary),
            .started_at = text_of(message.started_at),
            .ended_at = text_of(message.ended_at),
            .recording_url = text_of(message.recording_url),
            .transcript_text = {}};
}

Result<> read_current(Event& event, const Json& json, Dialect fallback) {
    TRY(const Message message, read_message(json));
    if (!message.type) return fail(Errc::malformed_body, "message.type: missing");
    TRY(event.type, json.child("type", *message.type).string());
    event.kind = kind_of(event.type);

    const auto call_type = text_member(message.call, "type");
    tell_dialect(event, message, call_type, fallback);
    event.call_id = text_member(message.call, "id").value_or("");
    event.direction = direction_of(call_type);
    event.status = text_member(message.call, "status");
    event.pipeline = text_member(message.call, "pipeline");
    event.error = text_of(message.error);
    event.end_reason = text_of(message.end_reason);
    event.assistant = message.assistant;
    event.metadata = member(message.assistant, "metadata");
    read_numbers(event, message);
    read_time(event, message.timestamp);
    if (event.kind == EventKind::end_of_call_report) event.report = report_of(message);
    if (event.kind != EventKind::tool_calls) return {};
    const auto key = event.dialect == Dialect::camel ? "toolCallList" : "tool_call_list";
    if (!message.tool_call_list) return fail(Errc::malformed_body, json.child(key, {}).path() + ": missing");
    return read_tool_calls(event, json.child(key, *message.tool_call_list));
}

Result<> read_tasks(Event& event, const Json& list) {
    return list.for_each([&](const Json& item) -> Result<> {
        TRY(const auto id, item.at("taskId"));
        TRY(const auto name, item.at("taskName"));
        TRY(auto call, read_call(id, name, member(item.value(), "taskPayload")));
        event.tool_calls.push_back(std::move(call));
        return {};
    });
}

// Protocol 9: a flat body, where the call id and the time have two spellings each.
Result<> read_legacy(Event& event, const Json& json) {
    const auto root = json.value();
    const auto text = [&](std::string_view key) { return text_member(root, key); };
    event.type = *text("eventType");
    event.kind = kind_of(event.type);
    event.dialect = Dialect::legacy;
    const auto id = text("callId");
    event.call_id = id ? *id : text("callSession").value_or("");
    event.status = text("status");
    event.caller = text("fromCaller");
    event.called = text("toAssistant");
    event.error = text("debugging-artifact");
    event.metadata = member(root, "userMetadata");
    const auto time = member(root, "eventTime");
    read_time(event, time ? time : member(root, "eventTimestamp"));
    if (event.kind == EventKind::end_of_call_report)
        event.report = Report{.duration_seconds = member(root, "callLengthSeconds"),
                              .messages = {},
                              .analysis = {},
                              .summary = text("summaryText"),
                              .started_at = {},
                              .ended_at = {},
                              .recording_url = text_member(member(root, "recordings"), "linkStereo"),
                              .transcript_text = text("transcriptText")};
    if (event.kind != EventKind::tool_calls) return {};
    TRY(const auto tasks, json.at("tasksInitiated"));
    return read_tasks(event, tasks);
}

Result<> refuse_repeated(dom::object root, std::string_view key) {
    const auto times = std::ranges::count_if(root, [&](auto field) { return field.key == key; });
    if (times > 1) return fail(Errc::malformed_body, std::string(key) + ": given twice");
    return {};
}

Result<Event> read_event(Document payload, Dialect fallback) {
    const Json root(payload);
    TRY(const auto object, root.object());
    Event event;
    const bool legacy = text_member(root.value(), "eventType").has_value();
    if (auto r = refuse_repeated(object, legacy ? "eventType" : "message"); !r) return r.error();
    Result<> read;
    if (legacy) {
        read = read_legacy(event, root);
    } else {
        TRY(const auto message, root.at("message"));
        read = read_current(event, message, fallback);
    }
    if (!read) return read.error();
    event.payload = std::move(payload);
    return event;
}

}  // namespace

std::string_view name_of(Dialect dialect) {
    switch (dialect) {
        case Dialect::camel: return "camel";
        case Dialect::legacy: return "legacy";
        case Dialect::snake: break;
    }
    return "snake";
}

std::optional<Dialect> dialect_named(std::string_view name) {
    for (const Dialect dialect : {Dialect::camel, Dialect::snake, Dialect::legacy})
        if (name_of(dialect) == name) return dialect;
    return std::nullopt;
}

EventKind kind_of(std::string_view type) {
    if (type == "assistant-request") return EventKind::assistant_request;
    if (type == "tool-calls") return EventKind::tool_calls;
    if (type == "status-update") return EventKind::status_update;
    if (type == "end-of-call-report") return EventKind::end_of_call_report;
    return EventKind::other;
}

Result<Event> parse_event(std::string_view body, Dialect fallback) {
    TRY(auto payload, Document::parse(body));
    return read_event(std::move(payload), fallback);
}

Result<Event> parse_padded_event(std::string_view body, Dialect fallback) {
    TRY(auto payload, Document::parse_padded(body));
    return read_event(std::move(payload), fallback);
}

}  // namespace hookswitch
