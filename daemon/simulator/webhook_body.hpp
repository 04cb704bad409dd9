#pragma once

// The bodies of the four webhooks, as the platform writes them in each of its dialects. The opposite of
// core/event.*, which reads them.
//
// Source of every field name: Flireo protocol reference, section 3 (the four events), 1.2 (field map),
// 5.6 (statuses) and 9 (legacy).

#include "daemon/core/event.hpp"
#include "daemon/core/iso_time.hpp"
#include "daemon/simulator/call_log.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::simulator {

struct WebhookDialect {
    Dialect spelling = Dialect::camel;
    bool late = false;  // snake only: the fields that came with the VoiceDock era

    friend bool operator==(const WebhookDialect&, const WebhookDialect&) = default;
};

/// "camel", "snake", "late", "legacy".
std::optional<WebhookDialect> webhook_dialect_named(std::string_view name);

/// What every body says of its call. Borrows.
struct CallFacts {
    WebhookDialect dialect;
    Milliseconds at;  // when the event happened
    std::string_view id, direction, status;
    std::optional<std::string_view> pipeline;
    std::optional<std::string_view> number, number_name, number_id;  // the platform's side; none on web calls
    std::optional<std::string_view> customer;                        // none: withheld, or a web call
    std::string_view assistant;  // a JSON object, spelled in snake; only that dialect echoes it
};

/// One call of a tool.
struct ToolUse {
    std::string id, name;
    std::string arguments;  // JSON; empty: none
};

struct ReportFacts {
    std::chrono::milliseconds duration{0};
    std::string_view summary;
    std::optional<std::string_view> end_reason, recording_url;
    std::optional<Milliseconds> started_at, ended_at;
    std::string_view analysis;  // a JSON object; empty: no analysis plan
    const std::vector<TranscriptLine>* messages = nullptr;
};

std::string assistant_request_body(const CallFacts& call);
std::string tool_calls_body(const CallFacts& call, std::span<const ToolUse> tools);

/// `error`: why it ended with one. `end_reason`: only late says it.
std::string status_update_body(const CallFacts& call, std::optional<std::string_view> error,
                               std::optional<std::string_view> end_reason);

std::string report_body(const CallFacts& call, const ReportFacts& report);

/// A status as webhooks of that dialect tell it: what only REST knows ("transferred", "rejected") is
/// "ended" there until the late dialect.
std::string_view webhook_status(WebhookDialect dialect, std::string_view status);

}  // namespace hookswitch::simulator
