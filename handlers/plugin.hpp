#pragma once

// Handlers that are a shared object with the C interface handlers/sdk/hookswitch/plugin.h; they run in the
// daemon, on threads of their own.
//
// A plugin that hangs or crashes while it is loaded or started does so in a trial, in a process of its own.
// One that hangs at an event loses a thread, which is replaced a few times. One that crashes at an event
// takes the daemon with it.

#include "daemon/core/result.hpp"
#include "handlers/running_handler.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace hookswitch {

struct HandlerMetrics;

struct PluginSettings {
    std::string name;               // of the handler, for the log
    std::filesystem::path library;  // the shared object
    std::string place;              // of `library` in the configuration: "file:line:column: key"
    std::string settings = "{}";    // JSON object that the plugin gets at its start
    std::size_t threads = 2;        // fewer if the plugin can have only fewer
    std::size_t queue = 100;        // events waiting for a thread, waited-for and told-only counted apart
    std::chrono::milliseconds start_timeout{5'000};  // of its trial, and then of its start
    std::chrono::milliseconds hang_timeout{10'000};  // past its deadline: its thread is given up

    bool operator==(const PluginSettings&) const = default;
};

/// Ready once the plugin has started. It cannot work when its trial or start failed, or took too long; that
/// is tried again, ever more slowly, and meanwhile events fail at once.
///
/// Errors of handle(): those of Bulkhead, Errc::handler_failed for the rest. An event that the plugin has is
/// kept until the plugin answers, however late, or its thread is given up.
///
/// `metrics` outlives it.
std::shared_ptr<RunningHandler> start_plugin(PluginSettings settings, boost::asio::any_io_executor home,
                                             HandlerMetrics& metrics);

/// How many threads are in plugins or in work for them. At the end of the process: those that hang. Only
/// _Exit() is safe then, for they use what exit() destroys. Any thread.
std::size_t plugin_threads_running();

/// What a plugin says about itself.
struct PluginFacts {
    std::string name;
    std::size_t max_threads = 0;  // 0: any number
    bool unloads = true;          // false: it stays in memory when it is replaced
};

/// The plugin's trial alone, for `check`; takes up to start_timeout. Errc::invalid_config if it failed.
/// `errors` gets what the plugin wrote and logged meanwhile.
Result<PluginFacts> try_plugin(const PluginSettings& settings, std::string& errors);

/// This program with this one argument is the process of a trial, and calls run_plugin_trial().
inline constexpr std::string_view kPluginTrial = "plugin-trial";
[[noreturn]] void run_plugin_trial();

}  // namespace hookswitch
