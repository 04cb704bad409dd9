#pragma once

// Handlers that are a program: one process for each event. The event is its standard input, the answer its
// standard output, exit status 0. Wire form: the outer contract, section 4.
//
// A process that has not exited by its deadline is killed, with all of its group; its slot is free when it is
// gone. What a process leaves running in its group ends with it.
//
// For programs that do not read JSON the environment says what an event is about: HOOKSWITCH_EVENT_ID,
// HOOKSWITCH_EVENT_TYPE, HOOKSWITCH_ATTEMPT, HOOKSWITCH_DEADLINE_MS, and as far as they are known
// HOOKSWITCH_CALL_ID, HOOKSWITCH_CALLER, HOOKSWITCH_CALLED, HOOKSWITCH_STATUS and HOOKSWITCH_TOOL.

#include "handlers/bulkhead.hpp"
#include "handlers/running_handler.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace hookswitch {

struct ExecSettings {
    std::string name;                  // of the handler, for the log
    std::vector<std::string> command;  // argv; found through PATH
    std::filesystem::path directory;   // working directory
    /// All that the process gets, besides what every program needs (see ProcessCommand) and what the event
    /// is about.
    std::map<std::string, std::string> environment;
    std::vector<std::string> inherit;  // names of more variables that it gets as the daemon has them
    BulkheadSettings bulkhead{.concurrency = 16, .queue = 100};
    std::size_t max_output = std::size_t{1} << 20;  // bytes of standard output

    bool operator==(const ExecSettings&) const = default;
};

/// Errors of handle(): those of Bulkhead::accept(), and Errc::handler_failed when the program cannot be
/// started, exits with another status than 0, is killed, or writes too much or no answer; Errc::rejected
/// when it says so. `metrics` outlives it.
std::shared_ptr<RunningHandler> start_exec_handler(ExecSettings settings, boost::asio::any_io_executor home,
                                                   HandlerMetrics& metrics);

}  // namespace hookswitch
