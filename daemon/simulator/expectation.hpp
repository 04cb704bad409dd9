#pragma once

// Whether a call went as its scenario expects.

#include "daemon/simulator/call_log.hpp"
#include "daemon/simulator/scenario.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch::simulator {

/// What is known of a call besides its record.
struct Played {
    std::string reply;          // body of the answer to the assistant-request; empty: none came
    std::string configuration;  // default, assistant, hybrid, rejected; empty: nobody was asked
    std::vector<std::pair<std::string, std::string>> tool_results;  // name and JSON, in order
    std::size_t deliveries = 0;
};

/// Everything that differs, a sentence each.
std::vector<std::string> differences(const Expected& expected, const CallRecord& call, const Played& played);

/// Where `actual` lacks what `expected` has: objects may have more members, everything else must be equal.
/// A sentence that begins with `path`; nullopt: nothing is missing. Both are JSON; what is not differs.
std::optional<std::string> missing_from(std::string_view expected, std::string_view actual, std::string path);

}  // namespace hookswitch::simulator
