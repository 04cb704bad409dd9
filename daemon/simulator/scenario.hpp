#pragma once

// A telephone call as it is to go, read from a TOML file: who calls whom, what is said, which tools the
// model uses, and what has to come of it (`hookswitch simulate --compare`). config/scenarios has one of
// every kind.

#include "daemon/core/result.hpp"
#include "daemon/simulator/webhook_body.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::simulator {

struct ScenarioTool {
    std::string name;
    std::string arguments;  // a JSON object; empty: none
    bool async = false;     // the platform does not wait for the answer
    std::string url;        // of the tool itself; empty: the call's webhook
};

struct Step {
    enum class Kind {
        user,          // `text` is said by the human
        assistant,     // `text` is said by the model
        tools,         // one tool-calls event with all of `tools`
        wait,          // `time` of the call passes
        await,         // for a command from outside, at most `time`
        hangup,        // by the human
        max_duration,  // the time limit of the call is reached
        error,         // the call ends with the error `text`
    };

    Kind kind = Kind::hangup;
    std::string text;  // await: the type of command; empty: any
    std::chrono::milliseconds time{0};
    std::vector<ScenarioTool> tools;
};

/// What has to come of the call. Absent members are not looked at.
struct Expected {
    std::string reply;          // JSON object: members that the answer to the assistant-request has to have
    std::string reply_exactly;  // JSON object: the whole answer
    std::string tool_results;   // JSON object: by name of the tool, what its result has to be or contain
    std::vector<std::string> said;             // lines of the assistant, in this order, others between them
    std::vector<std::string> injected;         // the same for context
    std::optional<std::string> configuration;  // default, assistant, hybrid, rejected
    std::optional<std::string> transferred_to, status, end_reason;
    std::optional<std::size_t> deliveries;  // of the call
};

struct Scenario {
    std::string name;
    std::string direction = "inbound";  // inbound, outbound, web
    std::optional<WebhookDialect> dialect;
    std::optional<std::string> caller, called;  // "#" is a digit that differs from call to call
    std::optional<std::string> number_name, number_id, pipeline;
    std::vector<std::string> webhook_events;  // empty: all
    std::string assistant;                    // the saved configuration, a JSON object; empty: a small one
    std::chrono::milliseconds rings{0};       // until the assistant picks up, or is asked for
    std::optional<std::chrono::milliseconds> max_duration;  // of the saved configuration
    std::chrono::milliseconds report_after{0};              // the end of the call
    std::optional<bool> report;                             // nullopt: if the call was connected
    std::optional<std::string> summary, recording_url;
    std::string analysis;  // a JSON object
    std::vector<Step> steps;
    Expected expect;
};

/// Errc::invalid_config: every mistake in the file, one a line, each with its place; or the code of the
/// system if it cannot be read.
Result<Scenario> load_scenario(const std::filesystem::path& file);

/// The same for text in memory; `file` names it in errors, and the scenario if it has no `name`.
Result<Scenario> parse_scenario(std::string_view text, const std::filesystem::path& file);

/// A file if `name` is one, else NAME.toml in `directory`, in config/scenarios or in the installed ones.
Result<std::filesystem::path> find_scenario(const std::string& name, const std::filesystem::path& directory);

/// `number` with every '#' replaced by a digit of `n`, the last '#' by the last digit.
std::string numbered(std::string_view number, std::size_t n);

}  // namespace hookswitch::simulator
