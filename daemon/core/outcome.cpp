#include "daemon/core/outcome.hpp"

#include "daemon/core/dialect.hpp"

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

Result<Document> parse_reply(std::string_view reply) {
    auto doc = Document::parse(reply);
    if (!doc) return fail(Errc::handler_failed, "reply is not JSON");
    if (!doc->root().is_object()) return fail(Errc::handler_failed, "reply is not a JSON object");
    return doc;
}

std::string_view id_key(Dialect dialect) { return dialect == Dialect::snake ? "tool_call_id" : "toolCallId"; }

// The legacy dialect knows the duration limit only as a member of the assistant.
std::string legacy_assistant_reply(dom::object reply) {
    std::string assistant;
    dom::element limit, given;
    const bool has_assistant = !reply["assistant"].get(given) && given.is_object();
    if (has_assistant)
        append_assistant(assistant, given, Dialect::legacy);
    else
        assistant = "{}";
    if (!reply["max_duration_seconds"].get(limit) || !reply["maxDurationSeconds"].get(limit)) {
        assistant.pop_back();
        assistant += assistant.size() > 1 ? ",\"maxDurationSeconds\":" : "\"maxDurationSeconds\":";
        append_json(assistant, limit);
        assistant += '}';
    }
    std::string out = "{";
    if (assistant != "{}" || has_assistant) out += "\"assistant\":" + assistant;
    for (auto [key, value] : reply) {
        if (key == "assistant" || key == "max_duration_seconds" || key == "maxDurationSeconds") continue;
        if (out.size() > 1) out += ',';
        append_json_string(out, key);
        out += ':';
        append_json(out, value);
    }
    return out + '}';
}

}  // namespace

Result<std::string> assistant_reply(Dialect dialect, std::string_view reply) {
    TRY(const auto doc, parse_reply(reply));
    if (dialect == Dialect::legacy) return legacy_assistant_reply(doc.root().get_object().value());
    std::string out;
    out.reserve(reply.size() + 32);
    append_assistant_reply(out, doc.root(), dialect);
    return out;
}

Result<std::string> tool_result(Dialect dialect, std::string_view reply) {
    TRY(const auto doc, parse_reply(reply));
    std::string out;
    dom::element value;
    if (!doc.root()["error"].get(value) && !value.is_null()) {
        out = "{\"error\":";
        append_json(out, value);
        out += '}';
    } else if (!doc.root()["result"].get(value)) {
        append_json(out, value);
    } else {
        return fail(Errc::handler_failed, "reply to a tool call has neither result nor error");
    }
    if (dialect == Dialect::legacy && out.front() != '"') return json_string(out);
    return out;
}

std::string tool_results(Dialect dialect, std::span<const ToolCall> calls,
                         std::span<const std::string> results) {
    std::size_t size = 16;
    for (const auto& r : results) size += r.size() + 64;
    std::string out;
    out.reserve(size);
    out = "{\"results\":[";
    for (std::size_t i = 0; i < calls.size(); ++i) {
        if (i > 0) out += ',';
        out.append("{\"").append(id_key(dialect)).append("\":");
        append_json_string(out, calls[i].id);
        out.append(",\"result\":").append(results[i]).append("}");
    }
    return out + "]}";
}

Result<std::vector<std::string>> results_in(std::string_view body, std::span<const ToolCall* const> calls) {
    TRY(const auto doc, parse_reply(body));
    dom::array entries;
    if (doc.root()["results"].get(entries)) return fail(Errc::handler_failed, "its answer has no results");
    std::vector<std::string> results(calls.size());
    for (const dom::element entry : entries) {
        std::string_view id;
        dom::element value;
        const bool named = !entry["toolCallId"].get(id) || !entry["tool_call_id"].get(id);
        if (!named || entry["result"].get(value)) continue;
        for (std::size_t i = 0; i < calls.size(); ++i)
            if (calls[i]->id == id && results[i].empty()) append_json(results[i], value);
    }
    for (const std::string& result : results)
        if (result.empty()) return fail(Errc::handler_failed, "its results leave out a tool call");
    return results;
}

}  // namespace hookswitch
