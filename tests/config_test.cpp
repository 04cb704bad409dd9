#include "daemon/config.hpp"
#include "tests/support/config_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

using ConfigTest = test::ConfigFileTest;

TEST_F(ConfigTest, ASourceIsEnoughAndTheRestIsDefaults) {
    const auto config = parsed(kSource);
    EXPECT_EQ(config.server, ServerSettings{});
    EXPECT_EQ(config.log, log::Settings{});
    EXPECT_EQ(config.dedupe_window, 10min);
    ASSERT_EQ(config.sources.size(), 1u);
    EXPECT_EQ(config.sources[0].name, "main");
    EXPECT_EQ(config.sources[0].path, "/webhook");
    EXPECT_EQ(config.sources[0].dialect, std::nullopt);
    EXPECT_EQ(config.sources[0].signature.max_age, 5min);
    EXPECT_FALSE(config.sources[0].signature.insecure_no_signature);
    ASSERT_EQ(config.sources[0].signature.keys.size(), 1u);
    EXPECT_EQ(config.sources[0].signature.keys[0].sign("1", "{}"),
              SigningKey(Secret("s3cret")).sign("1", "{}"))
        << "without the newline of the file";
    EXPECT_TRUE(config.warnings.empty());
}

TEST_F(ConfigTest, ReadsEverySetting) {
    write("new", "new");
    const auto config = parsed(R"(
[server]
listen = ["localhost:0", "[::1]:8080", "unix:hook.sock", "systemd"]
threads = 4
max_body = "1MiB"
max_head = "8KiB"
max_headers = 50
max_connections = 100
request_timeout = "2s"
idle_timeout = "1m"
drain_timeout = "0s"
trusted_proxies = ["10.0.0.0/8"]
[log]
level = "debug"
format = "journald"
redact = false
[journal]
sync = "off"
dedupe_window = "0s"
[[source]]
name = "main"
path = "/webhook"
provider = "flireo"
secret_files = ["new", "secret"]
max_age = "90s"
dialect = "legacy"
[[handler]]
name = "desk"
type = "worker"
command = ["sh", "-c", "exec cat"]
workers = 2
concurrency = 3
queue = 4
directory = "."
environment = { A = "1" }
start_timeout = "5s"
hang_timeout = "6s"
max_missed = 7
[[route]]
event = "tool-calls"
source = "ma*"
tool = ["a", "b*"]
called = "+3185*"
caller = "*"
direction = "inbound"
status = ["in-progress"]
handler = "desk"
timeout = "8s"
fallback = { result = { text = "Sorry.", tries = 3, free = true, when = 2026-01-09, price = 1.5, list = [] } }
late = "drop"
)");
    EXPECT_EQ(config.server.listen,
              (std::vector<std::string>{"127.0.0.1:0", "[::1]:8080",
                                        "unix:" + (directory / "hook.sock").string(), "systemd"}));
    EXPECT_EQ(config.server.threads, 4u);
    EXPECT_EQ(config.server.max_body, 1u << 20);
    EXPECT_EQ(config.server.max_head, 8u << 10);
    EXPECT_EQ(config.server.max_headers, 50u);
    EXPECT_EQ(config.server.max_connections, 100u);
    EXPECT_EQ(config.server.request_timeout, 2s);
    EXPECT_EQ(config.server.idle_timeout, 1min);
    EXPECT_EQ(config.server.drain_timeout, 0s);
    EXPECT_EQ(config.server.trusted_proxies, std::vector<Network>{*Network::parse("10.0.0.0/8")});
    EXPECT_EQ(config.log, (log::Settings{log::Level::debug, log::Format::journald, false}));
    EXPECT_EQ(config.dedupe_window, 0s);
    EXPECT_EQ(config.sources.at(0).dialect, Dialect::legacy);
    EXPECT_EQ(config.sources.at(0).signature.max_age, 90s);
    EXPECT_EQ(config.sources.at(0).signature.keys.size(), 2u);

    ASSERT_EQ(config.handlers.size(), 1u);
    EXPECT_EQ(config.handlers[0].name, "desk");
    WorkerSettings worker{"desk", {"sh", "-c", "exec cat"}, 2, 3, 4, directory / ".", {{"A", "1"}}, 5s, 6s,
                          7};
    worker.directory = worker.directory.lexically_normal();
    EXPECT_EQ(std::get<WorkerSettings>(config.handlers[0].handler), worker);

    ASSERT_EQ(config.routes.size(), 1u);
    const RouteSettings route{
        {"tool-calls"},
        {"ma*"},
        {"a", "b*"},
        {"+3185*"},
        {"*"},
        {"inbound"},
        {"in-progress"},
        "desk",
        8s,
        false,
        R"({"result":{"free":true,"list":[],"price":1.5,"text":"Sorry.","tries":3,"when":"2026-01-09"}})"};
    EXPECT_EQ(config.routes[0], route);
    EXPECT_EQ(config.warnings,
              std::vector<std::string>{(directory / "c.toml").string() +
                                       ":18:8: journal.sync: events are held in memory only: a crash loses "
                                       "what no handler has processed"});
}

TEST_F(ConfigTest, ReportsEveryMistakeOfEverySectionInTheOrderOfTheFile) {
    EXPECT_EQ(
        mistakes(R"(
[[route]]
event = "tool-calls"
handler = "dsk"
timeout = "12s"
[[handler]]
name = "desk"
type = "reply"
reply = { text = "x" }
[[source]]
name = "main"
path = "webhook"
secret_files = ["secret"]
[server]
threads = 5000
request_timeout = 10
idle_timeuot = "5s"
max_body = "2MB"
)"),
        "c.toml:4:11: route[0].handler: no [[handler]] has the name 'dsk'; did you mean 'desk'?\n"
        "c.toml:5:11: route[0].timeout: must be between 10ms and 9500ms\n"
        "c.toml:12:8: source[0].path: 'webhook' is not the path of a URL such as \"/webhook\"\n"
        "c.toml:15:11: server.threads: must be between 0 and 256\n"
        "c.toml:16:19: server.request_timeout: expected duration such as \"250ms\" or \"7s\", found integer\n"
        "c.toml:17:1: server.idle_timeuot: unknown key; did you mean 'idle_timeout'?\n"
        "c.toml:18:12: server.max_body: '2MB' is not a size such as \"64KiB\" or \"2MiB\"");
}

TEST_F(ConfigTest, UnknownKeysNameTheNearestKnownOne) {
    EXPECT_EQ(mistakes("[sevrer]\n" + kSource), "c.toml:1:2: sevrer: unknown key; did you mean 'server'?");
    EXPECT_EQ(mistakes_after_source("[log]\ncolour = 1\n"),
              "c.toml:6:1: log.colour: unknown key; known here: level, format, redact");
}

TEST_F(ConfigTest, NeedsAPlatformForWhatIsSentToCalls) {
    EXPECT_EQ(mistakes_after_source(R"([[handler]]
name = "crm"
type = "http"
url = "http://127.0.0.1:3000"
[[route]]
event = "tool-calls"
handler = "crm"
late = "inject"
)"),
              "c.toml:12:8: route[0].late: 'inject' needs a [platform] to send it to");
}

TEST_F(ConfigTest, KeepsAJournalBesideTheFileUnlessToldOtherwise) {
    const auto usual = parsed(kSource);
    ASSERT_TRUE(usual.journal);
    EXPECT_EQ(usual.journal->path, directory / "hookswitch.db");
    EXPECT_EQ(usual.journal->retention, std::chrono::days(30));
    EXPECT_FALSE(parsed("[journal]\nsync = \"off\"\n" + kSource).journal);

    const auto all = parsed(R"([journal]
path = "data/journal.db"
sync = "full"
retention = "90d"
report_retention = "7d"
max_size = "10GiB"
[[handler]]
name = "desk"
type = "reply"
reply = {}
ordered = false
retry = ["100ms", "1h"]
)" + kSource);
    const JournalSettings expected{directory / "data/journal.db",
                                   std::chrono::days(90),
                                   std::chrono::days(7),
                                   std::size_t{10} << 30,
                                   {}};
    EXPECT_EQ(*all.journal, expected);
    EXPECT_FALSE(all.handlers[0].delivery.ordered);
    EXPECT_EQ(all.handlers[0].delivery.retry, (std::vector<std::chrono::milliseconds>{100ms, 1h}));
}

TEST_F(ConfigTest, NamesAreOfOneLine) {
    EXPECT_EQ(mistakes_after_source("[[handler]]\nname = \"a\\nb\"\ntype = \"reply\"\nreply = {}\n"),
              "c.toml:6:8: handler[0].name: must not have control characters in it");
}

TEST_F(ConfigTest, RefusesSchedulesAndRetentionsThatMakeNoSense) {
    EXPECT_EQ(mistakes_after_source(R"([journal]
retention = "7d"
report_retention = "8d"
[[handler]]
name = "desk"
type = "reply"
reply = {}
retry = ["5s", "soon", "8d"]
)"),
              "c.toml:7:20: journal.report_retention: is longer than retention, after which the whole event "
              "is gone\n"
              "c.toml:12:16: handler[0].retry[1]: 'soon' is not a duration between 10ms and 7d\n"
              "c.toml:12:24: handler[0].retry[2]: '8d' is not a duration between 10ms and 7d");
}

TEST_F(ConfigTest, SyntaxErrorsNameLineAndColumn) {
    const auto text = mistakes("[server\nthreads = 1");
    EXPECT_EQ(text.substr(0, 12), "c.toml:1:8: ") << text;
}

TEST_F(ConfigTest, AFileWithoutASourceIsAMistake) {
    EXPECT_EQ(mistakes("[log]\n"),
              "c.toml:1:1: source: missing; without a [[source]] there is nothing to receive");
    EXPECT_EQ(mistakes("source = 1\n"), "c.toml:1:10: source: expected [[source]] tables, found integer");
}

TEST_F(ConfigTest, ListenWantsAddressesAndKnowsItsForms) {
    EXPECT_EQ(
        mistakes_after_source(R"([server]
listen = ["example.com:80", "::1:80", "127.0.0.1", "127.0.0.1:65536", "unix:", "127.0.0.1:80", "localhost:80"]
trusted_proxies = ["10.0.0.0/33", "proxy"]
)"),
        "c.toml:6:11: server.listen[0]: 'example.com:80' is not an address with a port (\"127.0.0.1:8080\", "
        "\"[::1]:8080\"), \"unix:/path\" or \"systemd\"\n"
        "c.toml:6:29: server.listen[1]: '::1:80' is not an address with a port (\"127.0.0.1:8080\", "
        "\"[::1]:8080\"), \"unix:/path\" or \"systemd\"\n"
        "c.toml:6:39: server.listen[2]: '127.0.0.1' is not an address with a port (\"127.0.0.1:8080\", "
        "\"[::1]:8080\"), \"unix:/path\" or \"systemd\"\n"
        "c.toml:6:52: server.listen[3]: '127.0.0.1:65536' is not an address with a port (\"127.0.0.1:8080\", "
        "\"[::1]:8080\"), \"unix:/path\" or \"systemd\"\n"
        "c.toml:6:71: server.listen[4]: 'unix:' names no file\n"
        "c.toml:6:96: server.listen[6]: '127.0.0.1:80' is already listened on\n"
        "c.toml:7:20: server.trusted_proxies[0]: '10.0.0.0/33' is not an address or network such as "
        "\"10.0.0.0/8\"\n"
        "c.toml:7:35: server.trusted_proxies[1]: 'proxy' is not an address or network such as "
        "\"10.0.0.0/8\"");
    EXPECT_EQ(mistakes_after_source("[server]\nlisten = []\n"),
              "c.toml:6:10: server.listen: must not be empty");
    EXPECT_EQ(mistakes_after_source("[server]\nlisten = [\"unix:" + std::string(120, 'x') + "\"]\n"),
              "c.toml:6:11: server.listen[0]: '" + std::string(120, 'x') +
                  "' is too long for a Unix socket (107 bytes)");
}

TEST_F(ConfigTest, NobodyCanBeTrusted) {
    EXPECT_TRUE(parsed(kSource + "[server]\ntrusted_proxies = []\n").server.trusted_proxies.empty());
}

TEST_F(ConfigTest, ChecksSecretFiles) {
    write("empty", "\n");
    ::unsetenv("HOOKSWITCH_TEST_UNSET");
    EXPECT_EQ(
        mistakes(R"([[source]]
name = "a"
path = "/a"
secret_files = ["missing", "empty", ".", "${HOOKSWITCH_TEST_UNSET}/x", "${oops", ""]
[[source]]
name = "b"
path = "/b"
[[source]]
name = "a"
path = "/b"
secret_files = []
max_age = "1500ms"
dialect = "pascal"
provider = "other"
)"),
        "c.toml:4:17: source[0].secret_files[0]: open missing: No such file or directory\n"
        "c.toml:4:28: source[0].secret_files[1]: empty is empty\n"
        "c.toml:4:37: source[0].secret_files[2]: open : Is a directory\n"
        "c.toml:4:42: source[0].secret_files[3]: environment variable 'HOOKSWITCH_TEST_UNSET' is not set\n"
        "c.toml:4:72: source[0].secret_files[4]: '${' without '}'\n"
        "c.toml:4:82: source[0].secret_files[5]: must not be empty\n"
        "c.toml:5:1: source[1].secret_files: missing; a source without a secret has to say "
        "insecure_no_signature = true\n"
        "c.toml:9:8: source[2].name: 'a' is already the name of another source\n"
        "c.toml:10:8: source[2].path: '/b' is already the path of source 'b'\n"
        "c.toml:11:16: source[2].secret_files: must not be empty\n"
        "c.toml:12:11: source[2].max_age: must be whole seconds: timestamps are\n"
        "c.toml:13:11: source[2].dialect: 'pascal' is not one of: auto, camel, snake, legacy\n"
        "c.toml:14:12: source[2].provider: 'other' is not one of: flireo");
}

TEST_F(ConfigTest, PathsExpandEnvironmentVariables) {
    ::setenv("HOOKSWITCH_TEST_DIRECTORY", directory.c_str(), 1);
    auto config = parse_config(
        "[[source]]\nname = \"m\"\npath = \"/m\"\nsecret_files = [\"${HOOKSWITCH_TEST_DIRECTORY}/secret\"]\n",
        "/elsewhere/c.toml");
    ASSERT_TRUE(config) << config.error().what();
    EXPECT_EQ(config->sources[0].signature.keys.size(), 1u);
}

TEST_F(ConfigTest, WarnsOfWhatIsProbablyNotMeant) {
    write("open", "s3cret", 0644);
    const auto config = parsed(R"([[source]]
name = "a"
path = "/a"
secret_files = ["open"]
[[source]]
name = "b"
path = "/b"
insecure_no_signature = true
[[handler]]
name = "spare"
type = "reply"
reply = {}
[[handler]]
name = "desk"
type = "reply"
reply = {}
[[route]]
event = "tool-call"
handler = "desk"
)");
    std::string all;
    for (const auto& warning : config.warnings) all += without_directory(warning) + "\n";
    EXPECT_EQ(
        all,
        "c.toml:4:17: source[0].secret_files[0]: open can be read by every user of this machine; chmod 600 "
        "it\n"
        "c.toml:8:25: source[1].insecure_no_signature: whoever can reach this path is believed, with any "
        "signature or none; for trials only\n"
        "c.toml:9:1: handler[0].name: no [[route]] leads to 'spare'\n"
        "c.toml:18:9: route[0].event: 'tool-call' is no event of the platform's; did you mean "
        "'tool-calls'?\n");
}

TEST_F(ConfigTest, HiddenTailsAreRefused) {
    EXPECT_EQ(mistakes("[[source]]\nname = \"m\"\npath = \"/m\"\nsecret_files = [\"secret\\u0000.txt\"]\n"),
              "c.toml:4:17: source[0].secret_files[0]: must not hold a NUL character");
}

TEST(LoadConfig, NamesTheFileItCouldNotOpen) {
    auto config = load_config("/nonexistent/hookswitch.toml");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().what(),
              "load config: open /nonexistent/hookswitch.toml: No such file or directory");
    EXPECT_EQ(load_config("/").error().what(), "load config: open /: Is a directory");
}

}  // namespace
}  // namespace hookswitch
