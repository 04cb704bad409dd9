#pragma once

// The configuration, after every question about it has been answered.
//
// A Config in hand is complete and valid: defaults filled in, units in the types, ranges checked,
// names resolved, secrets and lists read. Nothing past this file parses a string or asks "is it
// set?". Each module owns its settings; this only sums them.

#include "daemon/admin_settings.hpp"
#include "daemon/core/result.hpp"
#include "daemon/io/journal.hpp"
#include "daemon/io/log.hpp"
#include "daemon/io/platform_client.hpp"
#include "daemon/routes.hpp"
#include "daemon/routing.hpp"
#include "daemon/server_settings.hpp"
#include "daemon/source.hpp"
#include "handlers/exec.hpp"
#include "handlers/http_upstream.hpp"
#include "handlers/plugin.hpp"
#include "handlers/reply.hpp"
#include "handlers/worker.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hookswitch {

/// A reply or control handler is built while the configuration is read (its lists and hours are part of
/// what can be wrong); the others are only described, because starting them has effects.
struct HandlerConfig {
    std::string name;
    std::variant<std::shared_ptr<Handler>, WorkerSettings, ExecSettings, HttpUpstreamSettings, PluginSettings>
        handler;
    DeliverySettings delivery;
};

struct Config {
    ServerSettings server;
    std::optional<AdminSettings> admin;  // nullopt: no admin listener
    log::Settings log;
    std::optional<JournalSettings> journal;            // nullopt: events are held in memory only
    std::chrono::milliseconds dedupe_window{600'000};  // zero: off
    std::optional<PlatformSettings> platform;          // nullopt: calls cannot be steered
    std::vector<Source> sources;
    std::vector<HandlerConfig> handlers;
    std::vector<RouteSettings> routes;

    /// What works but is probably not meant, in the form of the mistakes below. To be shown, once.
    std::vector<std::string> warnings;
};

/// Reads and checks a TOML file and all that it names. On failure the error (Errc::invalid_config)
/// lists every mistake, one a line, each as "file:line:column: key: what is wrong".
Result<Config> load_config(const std::filesystem::path& file);

/// The same for text already in memory; `file` names it in errors and anchors relative paths.
Result<Config> parse_config(std::string_view text, const std::filesystem::path& file);

}  // namespace hookswitch
