#pragma once

// The parts of the configuration file, in the order in which they need one another. Inside of
// config.cpp.

#include "daemon/config.hpp"
#include "daemon/config_table.hpp"

namespace hookswitch {

/// A fixed or templated answer, and where it stands.
struct ReplyText {
    std::string json;
    std::string key;  // "handler[0].case[2].reply"
    toml::source_position at;
};

/// What routes need to know about a handler: also of one that is faulty, so that a route that names
/// it is not called wrong as well.
struct HandlerEntry {
    std::string name;
    std::string key;  // "handler[0].name"
    toml::source_position at;
    std::vector<ReplyText> replies;
};

std::vector<HandlerEntry> read_handlers(Table& root, Config& config);

/// Reads [[route]] and checks its names and answers against the rest.
void read_routes(Table& root, const std::vector<HandlerEntry>& handlers, Config& config);

}  // namespace hookswitch
