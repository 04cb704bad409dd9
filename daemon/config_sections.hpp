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

/// An element of a `listen` key, in the form that ServerSettings::listen promises.
Result<std::string> read_listen(std::string_view text, const ConfigFile& file);

/// What is in the file that `item` names, without its newline; nullopt after a mistake was noted.
std::optional<Secret> read_secret(Table& in, const Table::Item& item);

/// token_file of [admin], if there is one.
void read_admin_token(Table& in, Secret& out);

/// [admin]; after [server].
void read_admin(Table in, Config& config);

/// [platform], all but its key: `out` holds the defaults. What commands need of it.
void read_platform_settings(Table& in, PlatformSettings& out);

/// api_key_file of [platform]; nullopt after a mistake was noted, which a missing key is too.
std::optional<Secret> read_api_key(Table& in);

/// [platform].
void read_platform(Table in, Config& config);

/// The keys of [journal] that are about the file. False: there is none (sync = "off").
bool read_journal_settings(Table& in, JournalSettings& out);

/// [journal]; config.journal holds the defaults.
void read_journal(Table in, Config& config);

/// How told-only events come to a handler: keys of its table.
void read_delivery(Table& in, DeliverySettings& out);

/// `concurrency` and `queue` of a handler.
void read_bulkhead(Table& in, BulkheadSettings& out);

// The rest of a [[handler]], by its type.
WorkerSettings read_worker(Table& in, std::string name);
ExecSettings read_exec(Table& in, std::string name);
HttpUpstreamSettings read_http_upstream(Table& in, std::string name);
PluginSettings read_plugin(Table& in, std::string name);

std::vector<HandlerEntry> read_handlers(Table& root, Config& config);

/// Reads [[route]] and checks its names and answers against the rest.
void read_routes(Table& root, const std::vector<HandlerEntry>& handlers, Config& config);

}  // namespace hookswitch
