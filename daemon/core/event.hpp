#pragma once

// What happened on a call, as this program understands it. The platform's three dialects become
// one Event here and nowhere else; past this file nobody reads platform field names.
//
// Source of every field name: Flireo protocol reference, section 1.1 (telling dialects apart),
// 1.2 (field map), 3 (the four events), 9 (legacy).

#include "daemon/core/json.hpp"
#include "daemon/core/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

enum class EventKind { assistant_request, tool_calls, status_update, end_of_call_report, other };

enum class Dialect { camel, snake, legacy };

/// "camel", "snake", "legacy".
std::string_view name_of(Dialect dialect);
std::optional<Dialect> dialect_named(std::string_view name);

/// The kind of an event type as the platform spells it ("tool-calls"); EventKind::other if unknown.
EventKind kind_of(std::string_view type);

/// True when a caller is waiting on the line for our answer ("waited-for"); false: "told-only".
constexpr bool wants_reply(EventKind kind) {
    return kind == EventKind::assistant_request || kind == EventKind::tool_calls;
}

struct ToolCall {
    std::string_view id;
    std::string_view name;
    /// Always an object; absent on the wire is `{}`. nullopt: a string that is not JSON.
    std::optional<simdjson::dom::element> arguments;
    std::optional<Document> decoded;  // owns `arguments` when they came as a JSON-encoded string
};

/// What an end-of-call-report adds. Absent members are nullopt.
struct Report {
    std::optional<simdjson::dom::element> duration_seconds, messages, analysis;
    std::optional<std::string_view> summary, started_at, ended_at, recording_url;
    std::optional<std::string_view> transcript_text;  // legacy: one string instead of `messages`
};

/// One platform event. Views and elements borrow `payload`; the Event can be moved, not copied.
struct Event {
    EventKind kind = EventKind::other;
    std::string_view type;  // as sent
    Dialect dialect = Dialect::snake;
    bool dialect_undetermined = false;  // nothing in the body told; `dialect` is the configured one

    std::string_view call_id;                   // empty when the event is not about a call
    std::optional<std::string_view> direction;  // inbound, outbound, web; unknown values as sent
    std::optional<std::string_view> status, pipeline;
    std::optional<std::string_view> caller, called, called_name, error, end_reason;
    std::optional<std::string_view> phone_number_id;  // of the platform's own number

    /// When the platform says it happened; nullopt: the body has no time of its own (legacy
    /// assistant-request). Text in another form than ISO 8601 is kept as sent in sent_at_text.
    std::optional<std::chrono::sys_time<std::chrono::milliseconds>> sent_at;
    std::optional<std::string_view> sent_at_text;

    std::vector<ToolCall> tool_calls;
    std::optional<Report> report;                               // end-of-call-report only
    std::optional<simdjson::dom::element> metadata, assistant;  // as echoed by the platform

    // Declared last to be seen as what it is: the owner of every view above.
    std::optional<Document> payload;
};

/// Reads one verified body. `fallback` is what an undetermined body is taken for.
/// Errc::malformed_body, naming the place, if it is not a JSON object with an event in it or if a
/// field that we depend on is mistyped or given twice. Unknown types, members and enum values are
/// not errors: the platform adds them without notice.
Result<Event> parse_event(std::string_view body, Dialect fallback = Dialect::snake);

/// The same for a body followed by simdjson::SIMDJSON_PADDING readable bytes; saves a copy.
Result<Event> parse_padded_event(std::string_view body, Dialect fallback = Dialect::snake);

}  // namespace hookswitch
