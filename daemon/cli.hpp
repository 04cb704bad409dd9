#pragma once

// The command line as values. Parsing has no side effects: what is to be done comes back as one of
// these, --help and mistakes included.

#include "daemon/cli_api.hpp"
#include "daemon/cli_call.hpp"
#include "daemon/cli_doctor.hpp"
#include "daemon/cli_events.hpp"
#include "daemon/cli_simulate.hpp"
#include "daemon/core/url.hpp"
#include "daemon/io/http_client.hpp"
#include "daemon/io/log.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace hookswitch::cli {

// A path of "-" is standard input, which only one of a command's files may be.

struct Serve {
    std::filesystem::path config;
    std::optional<log::Format> log_format;  // instead of log.format
};

struct Check {
    std::filesystem::path config;
};

struct Sign {
    std::filesystem::path secret_file, body = "-";
    std::string timestamp;  // Unix seconds, signed as it is written; empty: now
    std::string event;      // empty: what the body says
};

struct Verify {
    std::filesystem::path secret_file, body = "-";
    std::string timestamp, signature;  // as received: the timestamp is signed as text
    std::chrono::milliseconds max_age{300'000};
};

struct Send {
    Url to;
    std::filesystem::path secret_file;
    HttpClient::Settings client;
    std::vector<std::filesystem::path> bodies;
};

struct Replay {
    Url to;
    std::filesystem::path secret_file;
    HttpClient::Settings client;
    std::vector<std::filesystem::path> recordings;
    std::optional<double> rate;   // deliveries a second
    std::optional<double> speed;  // of the recorded pace
    std::size_t concurrency = 1;
    bool compare = false, json = false;
};

/// --help and --version (status 0, for standard output) or a mistake (2, for standard error).
struct Exit {
    int status = 0;
    std::string text;
};

using Command = std::variant<Serve, Check, Sign, Verify, Send, Replay, EventsList, EventsShow, EventsTail,
                             EventsExport, EventsRedeliver, EventsPurge, CallControl, CallGet, CallList,
                             CallOutbound, Api, Simulate, Doctor, Exit>;

Command parse(int argc, const char* const* argv);

}  // namespace hookswitch::cli
