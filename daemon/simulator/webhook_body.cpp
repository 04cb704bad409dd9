#include "daemon/simulator/webhook_body.hpp"

#include "daemon/core/json.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace hookswitch::simulator {
namespace {

bool camel(const CallFacts& call) { return call.dialect.spelling == Dialect::camel; }
bool legacy(const CallFacts& call) { return call.dialect.spelling == Dialect::legacy; }

/// Writes the members of one object, in order. A member without a value can be left out or be null.
class Members {
public:
    explicit Members(std::string& out) : out_(out) { out_ += '{'; }

    Members& raw(std::string_view key, std::string_view json) {
        if (!std::exchange(first_, false)) out_ += ',';
        append_json_string(out_, key);
        out_ += ':';
        out_ += json;
        return *this;
    }
    Members& text(std::string_view key, std::string_view value) { return raw(key, json_string(value)); }
    Members& text_or_null(std::string_view key, std::optional<std::string_view> value) {
        return value ? text(key, *value) : raw(key, "null");
    }
    Members& text_if(std::string_view key, std::optional<std::string_view> value) {
        return value ? text(key, *value) : *this;
    }
    void end() { out_ += '}'; }

private:
    std::string& out_;
    bool first_ = true;
};

std::string call_type(const CallFacts& call) {
    if (call.direction == "web") return camel(call) ? "webCall" : "web_call";
    return std::string(call.direction) + (camel(call) ? "PhoneCall" : "_phone_call");
}

std::string call_object(const CallFacts& call, bool pipeline) {
    std::string out;
    Members members(out);
    members.text("id", call.id).text("type", call_type(call));
    members.text("status", webhook_status(call.dialect, call.status));
    if (pipeline) members.text_if("pipeline", call.pipeline);
    members.end();
    return out;
}

std::string number_object(const CallFacts& call) {
    std::string out;
    Members members(out);
    const bool web = call.direction == "web";
    if (web || (call.dialect.late && call.number_id)) members.text_or_null("id", call.number_id);
    members.text_or_null("number", call.number);
    if (web || call.number_name) members.text_or_null("name", call.number_name);
    members.end();
    return out;
}

std::string customer_object(const CallFacts& call) {
    std::string out;
    Members members(out);
    members.text_or_null("number", call.customer).end();
    return out;
}

/// What all bodies of camel and snake begin with. Only the first event of a call has the pipeline, and only
/// the others echo the assistant.
void begin(Members& message, const CallFacts& call, std::string_view type) {
    const bool first = type == "assistant-request";
    message.text("type", type).text("timestamp", iso_time(call.at)).raw("call", call_object(call, first));
    message.raw(camel(call) ? "phoneNumber" : "phone_number", number_object(call));
    message.raw("customer", customer_object(call));
    if (!first && !camel(call) && !call.assistant.empty()) message.raw("assistant", call.assistant);
}

std::string wrapped(std::string message) { return "{\"message\":" + std::move(message) + "}"; }

std::string unix_ms(Milliseconds at) { return std::to_string(at.time_since_epoch().count()); }

/// Direction is not told; who called whom is (protocol, section 9).
void add_legacy_numbers(Members& body, const CallFacts& call) {
    const bool outbound = call.direction == "outbound";
    body.text_or_null("fromCaller", outbound ? call.number : call.customer);
    body.text_or_null("toAssistant", outbound ? call.customer : call.number);
}

void begin_legacy(Members& body, const CallFacts& call, std::string_view type) {
    body.raw("eventTimestamp", unix_ms(call.at)).text("eventType", type);
    body.text(type == "status-update" ? "callSession" : "callId", call.id);
    add_legacy_numbers(body, call);
}

std::string tool_list(std::span<const ToolUse> tools) {
    std::string out = "[";
    for (const ToolUse& tool : tools) {
        if (out.size() > 1) out += ',';
        std::string function;
        Members of_function(function);
        of_function.text("name", tool.name);
        of_function.raw("arguments", tool.arguments.empty() ? "{}" : tool.arguments).end();
        Members members(out);
        members.text("id", tool.id).text("type", "function").raw("function", function).end();
    }
    return out + "]";
}

std::string legacy_tasks(std::span<const ToolUse> tools) {
    std::string out = "[";
    for (const ToolUse& tool : tools) {
        if (out.size() > 1) out += ',';
        Members members(out);
        members.text("taskId", tool.id).text("taskName", tool.name);
        if (!tool.arguments.empty()) members.raw("taskPayload", tool.arguments);
        members.end();
    }
    return out + "]";
}

std::string messages_array(const std::vector<TranscriptLine>& lines) {
    std::string out = "[";
    for (const TranscriptLine& line : lines) {
        if (out.size() > 1) out += ',';
        Members(out).text("role", line.role).text("content", line.content).end();
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
    std::string out, recordings;
    Members(recordings).text_if("linkStereo", report.recording_url).end();
    Members body(out);
    begin_legacy(body, call, "end-of-call-report");
    body.text("transcriptText", report.messages ? legacy_transcript(*report.messages) : "");
    body.text("summaryText", report.summary).raw("recordings", recordings);
    // A float on the wire.
    const auto tenths = report.duration.count() / 100;
    body.raw("callLengthSeconds", std::to_string(tenths / 10) + "." + std::to_string(tenths % 10));
    body.end();
    return out;
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
    std::string out;
    Members body(out);
    if (legacy(call)) {
        body.text("eventType", "assistant-request");
        add_legacy_numbers(body, call);
        body.end();
        return out;
    }
    begin(body, call, "assistant-request");
    body.end();
    return wrapped(std::move(out));
}

std::string tool_calls_body(const CallFacts& call, std::span<const ToolUse> tools) {
    std::string out;
    Members body(out);
    if (legacy(call)) {
        body.raw("eventTime", unix_ms(call.at)).text("callId", call.id).text("eventType", "tool-calls");
        add_legacy_numbers(body, call);
        body.raw("tasksInitiated", legacy_tasks(tools)).raw("userMetadata", "null").end();
        return out;
    }
    begin(body, call, "tool-calls");
    body.raw(camel(call) ? "toolCallList" : "tool_call_list", tool_list(tools)).end();
    return wrapped(std::move(out));
}

std::string status_update_body(const CallFacts& call, std::optional<std::string_view> error,
                               std::optional<std::string_view> end_reason) {
    std::string out;
    Members body(out);
    if (legacy(call)) {
        begin_legacy(body, call, "status-update");
        body.text("status", webhook_status(call.dialect, call.status));
        body.text_if("debugging-artifact", error).end();
        return out;
    }
    begin(body, call, "status-update");
    body.text_if("error", error);
    if (call.dialect.late) body.text_if("end_reason", end_reason);
    body.end();
    return wrapped(std::move(out));
}

std::string report_body(const CallFacts& call, const ReportFacts& report) {
    if (legacy(call)) return legacy_report(call, report);
    std::string out;
    Members body(out);
    begin(body, call, "end-of-call-report");
    const auto seconds = std::chrono::floor<std::chrono::seconds>(report.duration).count();
    body.raw(camel(call) ? "durationSeconds" : "duration_seconds", std::to_string(seconds));
    if (call.dialect.late) {
        body.text_if("end_reason", report.end_reason);
        if (report.started_at) body.text("started_at", iso_time(*report.started_at));
        if (report.ended_at) body.text("ended_at", iso_time(*report.ended_at));
    }
    body.text("summary", report.summary);
    if (report.messages) body.raw("messages", messages_array(*report.messages));
    if (!report.analysis.empty()) body.raw("analysis", report.analysis);
    body.text_if(camel(call) ? "recordingUrl" : "recording_url", report.recording_url).end();
    return wrapped(std::move(out));
}

}  // namespace hookswitch::simulator
