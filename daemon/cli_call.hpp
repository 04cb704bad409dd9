#pragma once

// `hookswitch call ...` as values; part of cli.hpp.

#include "daemon/cli_platform.hpp"
#include "daemon/core/call_command.hpp"
#include "daemon/core/url.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace hookswitch::cli {

/// Whom to ask: the running daemon, by its admin listener, or the platform itself.
struct CallPlace {
    PlatformPlace platform;
    std::optional<Url> admin;          // instead of [admin] of the configuration
    std::filesystem::path token_file;  // the same
    bool direct = false;               // the platform itself
};

struct CallControl {
    CallPlace place;
    CallCommand::Type type = CallCommand::Type::say;
    std::string call;
    std::string text;                    // content or destination; "-": standard input
    std::optional<std::string> message;  // transfer, end
    bool flag = false;                   // end_after, trigger_response
    bool json = false;
};

struct CallGet {
    CallPlace place;
    std::string call;
    bool json = false;
};

struct CallList {
    CallPlace place;
    std::optional<std::string> status, direction, caller, called;
    std::size_t limit = 100;
    bool all = false;  // those that have ended, too
    bool json = false;
};

struct CallOutbound {
    PlatformPlace platform;
    std::string destination;
    std::optional<std::string> assistant, number, first_message, context;
    std::filesystem::path assistant_file, override_file;  // JSON objects; empty: none
    bool json = false;
};

}  // namespace hookswitch::cli
