#include "daemon/simulator/webhook_body.hpp"

#include "daemon/core/object_text.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace hookswitch::simulator {
namespace {

bool camel(const CallFacts& call) { return call.dialect.spelling == Dialect::camel; }
bool legacy(const CallFacts& call) { return call.dialect.spelling == Dialect::legacy; }

std::string call_type(const CallFacts& call) {
    if (call.direction == "web") return camel(call) ? "webCall" : "web_call";
    return std::string(call.direction) + (camel(call) ? "PhoneCall" : "_phone_call");
}

std::string call_object(const CallFacts& call, bool pipeline) {
    ObjectText members;
    members.text("id", call.id).text("type", call_type(call));
    members.text("status", webhook_status(call.dialect, call.status));
    if (pipeline) members.text_if("pipeline", call.pipeline);
    return members.finish();
}

std::string number_object(const CallFacts& call) {
    ObjectText members;
    const bool web = call.direction == "web";
    if (web || (call.dialect.late && call.number_id)) members.text_or_null("id", call.number_id);
    members.text_or_null("number", call.number);
    if (web || call.number_name) members.text_or_null("name", call.number_name);
    return members.finish();
}

std::string customer_object(const CallFacts& call) {
    return ObjectText().text_or_null("number", call.customer).finish();
}

/// What all bodies of camel and snake begin with. Only the first event of a call has the pipeline, and only
/// the others echo the assistant.
void begin(ObjectText& message, const CallFacts& call, std::string_view type) {
    const bool first = type == "assistant-request";
    message.text("type", type).text("timestamp", iso_time(call.at)).json("call", call_object(call, first));
    message.json(camel(call) ? "phoneNumber" : "phone_number", number_object(call));
    message.json("customer", customer_object(call));
    if (!first && !camel(call) && !call.assistant.empty()) message.json("assistant", call.assistant);
}

std::string wrapped(std::string message) { return "{\"message\":" + std::move(message) + "}"; }

std::string unix_ms(Milliseconds at) { return std::to_string(at.time_since_epoch().count()); }

/// Direction is not told; who called whom is (protocol, section 9).
void add_legacy_numbers(ObjectText& body, const CallFacts& call) {
    const bool outbound = call.direction == "outbound";
    body.text_or_null("fromCaller", outbound ? call.number : call.customer);
    body.text_or_null("toAssistant", outbound ? call.customer : call.number);
}

void begin_legacy(ObjectText& body, const CallFacts& call, std::string_view type) {
    body.json("eventTimestamp", unix_ms(call.at)).text("eventType", type);
    body.text(type == "status-update" ? "callSession" : "callId", call.id);
    add_legacy_numbers(body, call);
}

std::string tool_list(std::span<const ToolUse> tools) {
    std::string out = "[";
    for (const ToolUse& tool : tools) {
        if (out.size() > 1) out += ',';
        const std::string function = ObjectText()
                                         .text("name", tool.name)
                                         .json("arguments", tool.arguments.empty() ? "{}" : tool.arguments)
                                         .finish();
        out += ObjectText().text("id", tool.id).text("type", "function").json("function", function).finish();
    }
    return out + "]";
}

std::string legacy_tasks(std::span<const ToolUse> tools) {
    std::string out = "[";
    for (const ToolUse& tool : tools) {
        if (out.size() > 1) out += ',';
        ObjectText task;
        task.text("taskId", tool.id).text("taskName", tool.name);
        if (!tool.arguments.empty()) task.json("taskPayload", tool.arguments);
        out += task.finish();
    }
    return out + "]";
}

std::string messages_array(const std::vector<TranscriptLine>& lines) {
    std::string out = "[";
    for (const TranscriptLine& line : lines) {
        if (out.size() > 1) out += ',';
        out += ObjectText().text("role", line.role).text("content", line.content).finish();
    }
    return out + "]";
}

// "AI:" and "Gebruiker:" are the platform's; how it prefixed what is neither is not known.
std::string legacy_transcript(const std::vector<TranscriptLine>& lines) {
    std::string out;
    for (const TranscriptLine& line : lines) {
        if (!out.empty()) out += '\n';
        out += line.role == "assistant" ? "AI: " : line.role == "user" ? "Gebruiker: " : "Systeem: ";
        out += line.content;
    }
    return out;
}

std::string legacy_report(const CallFacts& call, const ReportFacts& report) {
    const std::string recordings = ObjectText().text_if("linkStereo", report.recording_url).finish();
    ObjectText body;
    begin_legacy(body, call, "end-of-call-report");
    body.text("transcriptText", report.messages ? legacy_transcript(*report.messages) : "");
    body.text("summaryText", report.summary).json("recordings", recordings);
    // A float on the wire.
    const auto tenths = report.duration.count() / 100;
    body.json("callLengthSeconds", std::to_string(tenths / 10) + "." + std::to_string(tenths % 10));
    return body.finish();
}

}  // namespace

std::optional<WebhookDialect> webhook_dialect_named(std::string_view name) {
    if (name == "late") return WebhookDialect{Dialect::snake, true};
    const auto spelling = dialect_named(name);
    if (!spelling) return std::nullopt;
    return WebhookDialect{*spelling, false};
}

std::string_view webhook_status(WebhookDialect dialect, std::string_view status) {
    if (dialect.late) return status;
    if (status == "ended-with-error" && dialect.spelling == Dialect::legacy) return "ended-with-debugging";
    for (const std::string_view only_in_rest : {"transferred", "rejected", "failed", "insufficient-credits"})
        if (status == only_in_rest) return "ended";
    return status;
}

std::string assistant_request_body(const CallFacts& call) {
    ObjectText body;
    if (legacy(call)) {
        body.text("eventType", "assistant-request");
        add_legacy_numbers(body, call);
        return body.finish();
    }
    begin(body, call, "assistant-request");
    return wrapped(body.finish());
}

std::string tool_calls_body(const CallFacts& call, std::span<const ToolUse> tools) {
    ObjectText body;
    if (legacy(call)) {
        body.json("eventTime", unix_ms(call.at)).text("callId", call.id).text("eventType", "tool-calls");
        add_legacy_numbers(body, call);
        return body.json("tasksInitiated", legacy_tasks(tools)).json("userMetadata", "null").finish();
    }
    begin(body, call, "tool-calls");
    return wrapped(body.json(camel(call) ? "toolCallList" : "tool_call_list", tool_list(tools)).finish());
}

std::string status_update_body(const CallFacts& call, std::optional<std::string_view> error,
                               std::optional<std::string_view> end_reason) {
    ObjectText body;
    if (legacy(call)) {
        begin_legacy(body, call, "status-update");
        body.text("status", webhook_status(call.dialect, call.status));
        return body.text_if("debugging-artifact", error).finish();
    }
    begin(body, call, "status-update");
    body.text_if("error", error);
    if (call.dialect.late) body.text_if("end_reason", end_reason);
    return wrapped(body.finish());
}

std::string report_body(const CallFacts& call, const ReportFacts& report) {
    if (legacy(call)) return legacy_report(call, report);
    ObjectText body;
    begin(body, call, "end-of-call-report");
    const auto seconds = std::chrono::floor<std::chrono::seconds>(report.duration).count();
    body.json(camel(call) ? "durationSeconds" : "duration_seconds", std::to_string(seconds));
    if (call.dialect.late) {
        body.text_if("end_reason", report.end_reason);
        if (report.started_at) body.text("started_at", iso_time(*report.started_at));
        if (report.ended_at) body.text("ended_at", iso_time(*report.ended_at));
    }
    body.text("summary", report.summary);
    if (report.messages) body.json("messages", messages_array(*report.messages));
    if (!report.analysis.empty()) body.json("analysis", report.analysis);
    return wrapped(
        body.text_if(camel(call) ? "recordingUrl" : "recording_url", report.recording_url).finish());
}

}  // namespace hookswitch::simulator
