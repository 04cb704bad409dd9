#pragma once

// What the platform takes from the answers to its two waited-for webhooks.
//
// Source: Flireo protocol reference, 3.1 (assistant-request: responses) and 3.3 (tool-calls: accepted
// responses); where it says UNKNOWN, the comments here say what was chosen.

#include "daemon/core/event.hpp"
#include "daemon/core/result.hpp"
#include "daemon/simulator/webhook_body.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::simulator {

struct AssistantAnswer {
    enum class Kind { saved, assistant, hybrid, rejected };

    Kind kind = Kind::saved;
    std::string error;         // what the caller hears before a rejected call is over
    std::string assistant_id;  // hybrid
    std::string changes;       // a JSON object, spelled in snake; empty: none
    std::optional<std::chrono::milliseconds> max_duration;
    // Of the changes, and no longer in them: where the other events of this call go.
    std::optional<std::string> webhook_url, webhook_secret;
    std::optional<std::vector<std::string>> webhook_events;
};

/// "default", "assistant", "hybrid", "rejected".
std::string_view name_of(AssistantAnswer::Kind kind);

/// Errc::malformed_body if it is not a JSON object. `error` wins over everything else. Of the two limits
/// of a call's length the shorter one counts.
Result<AssistantAnswer> read_assistant_answer(std::string_view body);

/// Both spelled in snake. Shallow: each member of `changes` replaces the whole member of `saved`.
std::string merged_assistant(std::string_view saved, std::string_view changes);

/// A configuration of any spelling in snake; `{}` if it is not a JSON object.
std::string snake_assistant(std::string_view config);

/// A text member of a JSON object; nullopt: absent or no text.
std::optional<std::string> text_member_of(std::string_view object, std::string_view key);

/// Whether a configuration (snake) asks for an analysis of a transcript of so many lines.
bool wants_analysis(std::string_view assistant, std::size_t lines);

struct ToolOutcome {
    std::string result;  // JSON: what the model is told
    bool error = false;
};

/// In the order of `tools`. An answer that is neither of the documented formats, or that leaves a call out,
/// becomes an error text. Formats are looked for in this order: `results`, `result`, `error`, the data
/// itself; other than in `results`, what is said counts for every call of the event. Only the key of the
/// dialect names a call.
std::vector<ToolOutcome> read_tool_answer(Dialect dialect, std::string_view body,
                                          std::span<const ToolUse> tools);

}  // namespace hookswitch::simulator
