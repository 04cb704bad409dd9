#pragma once

// What an assistant's configuration says of a tool that its model uses.
//
// Source: Flireo protocol reference, 3.3 (tool definition as configured; async tools) and 2.3 (tool URLs).

#include <optional>
#include <string>
#include <string_view>

namespace hookswitch::simulator {

struct ToolDefinition {
    bool async = false;
    std::optional<std::string> url, secret;  // nullopt: those of the call's webhook
    std::string message;  // said while it runs, async: instead of its result; empty: nothing
};

/// Of `name` in `llm_config.tools` of a configuration spelled in snake; all defaults if it is not there.
/// Flat and nested definitions are known; of two URLs `url` wins.
ToolDefinition tool_definition(std::string_view assistant, std::string_view name);

}  // namespace hookswitch::simulator
