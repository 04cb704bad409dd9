#include "daemon/config.hpp"

#include "daemon/config_sections.hpp"
#include "daemon/core/address.hpp"
#include "daemon/io/read_file.hpp"
#include "daemon/io/secret_file.hpp"

#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostText = 16 << 20;  // for a configuration, more is a mix-up

// "127.0.0.1:8080" in the form that ServerSettings promises; nullopt if it is none.
std::optional<std::string> read_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host == "localhost") host = "127.0.0.1";
    const bool bracketed = host.starts_with('[');
    if (!bracketed && host.find(':') != std::string_view::npos) return std::nullopt;
    const auto address = Address::parse(host);

    std::uint16_t port = 0;
    const char* end = text.data() + text.size();
    const auto [rest, ec] = std::from_chars(text.data() + colon + 1, end, port);
    if (!address || ec != std::errc() || rest != end) return std::nullopt;
    const auto plain = address->to_string();
    return (bracketed ? "[" + plain + "]:" : plain + ":") + std::to_string(port);
}

}  // namespace

Result<std::string> read_listen(std::string_view text, const ConfigFile& file) {
    if (text == "systemd") return std::string(text);
    if (!text.starts_with("unix:")) {
        if (auto endpoint = read_endpoint(text)) return *std::move(endpoint);
        return fail(Errc::invalid_config, "'" + std::string(text) +
                                              "' is not an address with a port (\"127.0.0.1:8080\", "
                                              "\"[::1]:8080\"), \"unix:/path\" or \"systemd\"");
    }
    TRY(const auto path, file.path(text.substr(5)));
    if (path.filename().empty())
        return fail(Errc::invalid_config, "'" + std::string(text) + "' names no file");
    if (path.native().size() >= sizeof sockaddr_un::sun_path)
        return fail(Errc::invalid_config,
                    "'" + path.string() + "' is too long for a Unix socket (107 bytes)");
    return "unix:" + path.string();
}

namespace {

void read_listen_list(Table& in, std::vector<std::string>& out) {
    std::vector<std::string> listen;
    for (const auto& item : in.items("listen")) {
        if (!item.ok) continue;
        auto where = read_listen(item.text, in.file());
        if (!where)
            in.mistake(*item.node, item.key, where.error().what());
        else if (std::ranges::find(listen, *where) != listen.end() && !where->ends_with(":0"))
            in.mistake(*item.node, item.key, "'" + *where + "' is already listened on");
        else
            listen.push_back(*std::move(where));
    }
    if (!listen.empty()) out = std::move(listen);
}

void read_trusted_proxies(Table& in, std::vector<Network>& out) {
    const auto* node = in.find("trusted_proxies");
    if (!node) return;
    out.clear();
    if (node->is_array() && node->as_array()->empty()) return;  // nobody
    for (const auto& item : in.items("trusted_proxies")) {
        if (!item.ok) continue;
        if (auto network = Network::parse(item.text))
            out.push_back(*network);
        else
            in.mistake(*item.node, item.key,
                       "'" + item.text + "' is not an address or network such as \"10.0.0.0/8\"");
    }
}

void read_server(Table in, ServerSettings& out) {
    read_listen_list(in, out.listen);
    in.read_count("threads", out.threads, 0, 256);
    in.read_size("max_body", out.max_body, 1 << 10, 256 << 20);
    in.read_size("max_head", out.max_head, 1 << 10, 1 << 20);
    in.read_count("max_headers", out.max_headers, 8, 10'000);
    in.read_count("max_connections", out.max_connections, 1, 1'000'000);
    in.read_size("max_body_memory", out.max_body_memory, 1 << 20, std::size_t{1} << 40);
    in.read_count("failed_signatures", out.failed_signatures, 0, 1'000'000);
    in.read("request_timeout", out.request_timeout, 10ms, 10min);
    in.read("idle_timeout", out.idle_timeout, 10ms, 24h);
    in.read("drain_timeout", out.drain_timeout, 0ms, 1h);
    read_trusted_proxies(in, out.trusted_proxies);
    in.finish();
}

void read_log(Table in, log::Settings& out) {
    using enum log::Level;
    using enum log::Format;
    in.choose<log::Level>("level", out.level,
                          {{"debug", debug}, {"info", info}, {"warn", warn}, {"error", error}});
    in.choose<log::Format>("format", out.format,
                           {{"auto", automatic}, {"text", text}, {"json", json}, {"journald", journald}});
    in.read("redact", out.redact);
    in.finish();
}

}  // namespace

std::optional<Secret> read_secret(Table& in, const Table::Item& item) {
    const auto faulty = [&](const std::string& what) {
        in.mistake(*item.node, item.key, what);
        return std::nullopt;
    };
    const auto path = in.file().path(item.text);
    if (!path) return faulty(path.error().what());
    auto read = read_secret_file(*path);
    if (!read) return faulty(read.error().what());
    if (!read->exposure.empty())
        in.warning(*item.node, item.key, path->string() + " " + read->exposure + "; chmod 600 it");
    return std::move(read->secret);
}

namespace {

// What a secret is called in the metrics: its file, whose name an operator knows and which tells nothing of
// what is in it. A second one of that name in the same source has its directory with it.
std::string key_name(const std::string& file, const std::vector<std::string>& taken) {
    std::string name = std::filesystem::path(file).filename();
    return std::ranges::find(taken, name) == taken.end() ? name : file;
}

void read_signature(Table& in, Source& out) {
    SignaturePolicy& policy = out.signature;
    std::chrono::milliseconds max_age = policy.max_age;
    in.read("max_age", max_age, 1s, 24h);
    policy.max_age = std::chrono::floor<std::chrono::seconds>(max_age);
    if (policy.max_age != max_age) in.mistake("max_age", "must be whole seconds: timestamps are");

    in.read("insecure_no_signature", policy.insecure_no_signature);
    for (const auto& item : in.items("secret_files"))
        if (const auto secret = item.ok ? read_secret(in, item) : std::nullopt) {
            policy.keys.emplace_back(*secret);
            out.key_names.push_back(key_name(item.text, out.key_names));
        }
    if (policy.insecure_no_signature)
        in.warning("insecure_no_signature",
                   "whoever can reach this path is believed, with any signature or none; for trials only");
    else if (!in.toml().contains("secret_files"))
        in.mistake("secret_files",
                   "missing; a source without a secret has to say insecure_no_signature = true");
}

bool is_url_path(std::string_view path) {
    return path.starts_with('/') && std::ranges::all_of(path, [](unsigned char c) {
               return c > ' ' && c < 0x7f && c != '?' && c != '#';
           });
}

Source read_source(Table in) {
    Source source;
    std::string provider;
    in.need_name("name", source.name);
    in.need("path", source.path);
    if (!source.path.empty() && !is_url_path(source.path))
        in.mistake("path", "'" + source.path + "' is not the path of a URL such as \"/webhook\"");
    in.choose<std::string>("provider", provider, {{"flireo", "flireo"}});
    in.choose<std::optional<Dialect>>("dialect", source.dialect,
                                      {{"auto", std::nullopt},
                                       {"camel", Dialect::camel},
                                       {"snake", Dialect::snake},
                                       {"legacy", Dialect::legacy}});
    read_signature(in, source);
    in.finish();
    return source;
}

void read_sources(Table& root, std::vector<Source>& out) {
    if (!root.toml().contains("source"))
        root.mistake("source", "missing; without a [[source]] there is nothing to receive");
    root.each_table("source", [&](Table in) {
        auto source = read_source(in);
        for (const auto& earlier : out) {
            if (!source.name.empty() && earlier.name == source.name)
                in.mistake("name", "'" + source.name + "' is already the name of another source");
            if (!source.path.empty() && earlier.path == source.path)
                in.mistake("path",
                           "'" + source.path + "' is already the path of source '" + earlier.name + "'");
        }
        out.push_back(std::move(source));
    });
}

}  // namespace

Result<Config> parse_config(std::string_view text, const std::filesystem::path& file) {
    ConfigFile place(file);
    const auto tree = place.parse(text);
    if (!tree) return fail(Errc::invalid_config, place.mistakes());

    Config config;
    Table root(*tree, "", place);
    root.table("server", [&](Table in) { read_server(std::move(in), config.server); });
    root.table("admin", [&](Table in) { read_admin(std::move(in), config); });
    root.table("log", [&](Table in) { read_log(std::move(in), config.log); });
    config.journal.emplace().path = place.directory() / JournalSettings().path;
    root.table("journal", [&](Table in) { read_journal(std::move(in), config); });
    root.table("platform", [&](Table in) { read_platform(std::move(in), config); });
    read_sources(root, config.sources);
    const auto handlers = read_handlers(root, config);
    read_routes(root, handlers, config);
    root.finish();

    if (place.faulty()) return fail(Errc::invalid_config, place.mistakes());
    config.warnings = place.warnings();
    return config;
}

Result<Config> load_config(const std::filesystem::path& file) {
    auto content = read_file(file, kMostText);
    if (!content) return std::move(content).error().in("load config");
    return parse_config(content->text, file);
}

}  // namespace hookswitch
