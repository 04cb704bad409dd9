#include "daemon/config.hpp"
#include "tests/support/config_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <variant>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

using HandlerConfigTest = test::ConfigFileTest;

TEST_F(HandlerConfigTest, ChecksWorkers) {
    EXPECT_EQ(mistakes_after_source(R"([[handler]]
name = "a"
type = "worker"
command = ["no-such-program-here", "x"]
workers = 0
environment = { "A=B" = "x", C = 5 }
directory = "nowhere"
hours = []
[[handler]]
name = "a"
type = "worker"
command = "python3 desk.py"
[[handler]]
name = "c"
type = "worker"
command = []
[[handler]]
type = "wroker"
[[handler]]
name = "e"
type = "worker"
)"),
              "c.toml:8:12: handler[0].command[0]: 'no-such-program-here' is not a program that can be run\n"
              "c.toml:9:11: handler[0].workers: must be between 1 and 256\n"
              "c.toml:10:25: handler[0].environment.A=B: is not the name of a variable\n"
              "c.toml:10:34: handler[0].environment.C: expected string, found integer\n"
              "c.toml:11:13: handler[0].directory: 'nowhere' is not a directory\n"
              "c.toml:12:1: handler[0].hours: unknown key; known here: name, type, ordered, retry, "
              "directory, command, "
              "environment, "
              "workers, concurrency, queue, start_timeout, hang_timeout, max_missed\n"
              "c.toml:14:8: handler[1].name: 'a' is already the name of another handler\n"
              "c.toml:16:11: handler[1].command: expected array of strings, the program first, found string\n"
              "c.toml:20:11: handler[2].command: must not be empty\n"
              "c.toml:21:1: handler[3].name: missing\n"
              "c.toml:22:8: handler[3].type: 'wroker' is not one of: reply, worker, exec, "
              "http, plugin, control\n"
              "c.toml:23:1: handler[4].command: missing");
}

TEST_F(HandlerConfigTest, ReadsProgramsForSingleEvents) {
    write("note", "#!/bin/sh\n", 0700);
    const auto config = parsed(kSource + R"([[handler]]
name = "notes"
type = "exec"
command = ["./note", "-v"]
concurrency = 3
queue = 4
max_output = "2KiB"
inherit = ["CRM_KEY", "CREDENTIALS_DIRECTORY"]
environment = { NOTES = "x" }
)");
    ExecSettings expected{"notes", {"./note", "-v"}, directory / ".", {{"NOTES", "x"}}, {"CRM_KEY"}};
    expected.inherit.push_back("CREDENTIALS_DIRECTORY");
    expected.bulkhead = {3, 4};
    expected.max_output = 2048;
    auto exec = std::get<ExecSettings>(config.handlers.at(0).handler);
    EXPECT_EQ(std::filesystem::weakly_canonical(exec.directory), directory);
    exec.directory = expected.directory;
    EXPECT_EQ(exec, expected);

    write("key", "fl_test_1");
    const auto late = parsed(kSource + R"([platform]
api_key_file = "key"
[[handler]]
name = "notes"
type = "exec"
command = ["./note"]
[[route]]
event = "tool-calls"
handler = "notes"
late = "inject"
)");
    ASSERT_EQ(late.warnings.size(), 1U);
    EXPECT_EQ(
        without_directory(late.warnings[0]),
        "c.toml:14:8: route[0].late: comes to nothing: 'notes' is killed at the deadline, with its answer");

    EXPECT_EQ(mistakes_after_source(R"([[handler]]
name = "notes"
type = "exec"
command = ["./nothing"]
concurrency = 0
queue = -1
max_output = "1GiB"
inherit = ["CRM_KEY", "A=B"]
workers = 2
)"),
              "c.toml:8:12: handler[0].command[0]: './nothing' is not a program that can be run\n"
              "c.toml:9:15: handler[0].concurrency: must be between 1 and 10000\n"
              "c.toml:10:9: handler[0].queue: must be between 1 and 1000000\n"
              "c.toml:11:14: handler[0].max_output: must be between 1B and 64MiB\n"
              "c.toml:12:23: handler[0].inherit[1]: 'A=B' is not the name of a variable\n"
              "c.toml:13:1: handler[0].workers: unknown key; known here: name, type, ordered, retry, "
              "directory, command, environment, inherit, concurrency, queue, max_output");
}

TEST_F(HandlerConfigTest, ProgramsWithASlashAreSoughtInTheWorkingDirectory) {
    write("desk", "#!/bin/sh\n", 0700);
    write("notes", "", 0600);
    const std::string text = "[[handler]]\nname = \"a\"\ntype = \"worker\"\ncommand = [\"./desk\"]\n";
    EXPECT_EQ(parsed(kSource + text).handlers.size(), 1u);
    EXPECT_EQ(
        mistakes_after_source("[[handler]]\nname = \"a\"\ntype = \"worker\"\ncommand = [\"./notes\"]\n"),
        "c.toml:8:12: handler[0].command[0]: './notes' is not a program that can be run");
}

TEST_F(HandlerConfigTest, ReadsAReceptionDesk) {
    write("vip.txt", "+3161234*\n");
    const auto config = parsed(kSource + R"([[handler]]
name = "desk"
type = "reply"
timezone = "Europe/Amsterdam"
hours = ["Mon-Fri 09:00-17:30", "Sat 10:00-14:00"]
holidays = [2026-12-25, "01-01"]
reply = { result = "It is ${caller}." }
[[handler.case]]
when = { open = true, caller_list = "vip.txt", "tool_call.arguments.size" = { at_least = 8, at_most = 20.5 } }
unless = { hours = "Wed 12:00-13:00", "metadata.crm_id" = { exists = true }, "tool_call.name" = ["a*", 8, true] }
reply = { result = 1 }
[[route]]
event = "tool-calls"
handler = "desk"
)");
    ASSERT_EQ(config.handlers.size(), 1u);
    EXPECT_NE(std::get<std::shared_ptr<Handler>>(config.handlers[0].handler), nullptr);
    EXPECT_TRUE(config.warnings.empty());
}

TEST_F(HandlerConfigTest, FindsThePlaceOfWhatAReplyHandlerRefuses) {
    EXPECT_EQ(
        mistakes_after_source(R"([[handler]]
name = "desk"
type = "reply"
hours = ["Mon-Fri 09:00-17:30", 7, "Mon-Fri 9-5"]
reply = { result = nan, list = [{ x = inf }] }
[[handler.case]]
when = { open = 1, caller_list = "missing.txt", "tool_cal.name" = "x", "metadata.x" = { at_mots = 4 } }
unless = { tool_call.arguments.size = 8, "metadata.y" = [], "metadata.z" = [[]] }
[[handler.case]]
reply = "hello"
rely = {}
)"),
        "c.toml:8:33: handler[0].hours[1]: expected string, found integer\n"
        "c.toml:8:36: handler[0].hours[2]: '9-5' is not a span of time such as 09:00-17:30\n"
        "c.toml:9:20: handler[0].reply.result: JSON has no inf and no nan\n"
        "c.toml:9:39: handler[0].reply.list[0].x: JSON has no inf and no nan\n"
        "c.toml:10:1: handler[0].case[0].reply: missing\n"
        "c.toml:11:17: handler[0].case[0].when.open: expected true or false, found integer\n"
        "c.toml:11:34: handler[0].case[0].when.caller_list: open missing.txt: No such file or directory\n"
        "c.toml:11:67: handler[0].case[0].when.tool_cal.name: 'tool_cal.name' is not a field of the event; "
        "did "
        "you mean 'tool_call.name'?\n"
        "c.toml:11:99: handler[0].case[0].when.metadata.x.at_mots: is not at_least, at_most or exists; a "
        "field "
        "with dots is written in quotes, as \"tool_call.arguments.party_size\"\n"
        "c.toml:12:22: handler[0].case[0].unless.tool_call.arguments: is not at_least, at_most or exists; a "
        "field with dots is written in quotes, as \"tool_call.arguments.party_size\"\n"
        "c.toml:12:57: handler[0].case[0].unless.metadata.y: must not be empty\n"
        "c.toml:12:77: handler[0].case[0].unless.metadata.z[0]: expected string, number, true or false, "
        "found "
        "array\n"
        "c.toml:14:9: handler[0].case[1].reply: expected table, found string\n"
        "c.toml:15:1: handler[0].case[1].rely: unknown key; did you mean 'reply'?");
}

TEST_F(HandlerConfigTest, AnswersMustFitTheEventsThatTheyAnswer) {
    EXPECT_EQ(
        mistakes_after_source(R"([[handler]]
name = "tools"
type = "reply"
reply = { text = "x" }
[[handler.case]]
reply = { result = "fine" }
[[handler]]
name = "both"
type = "reply"
reply = { text = "could be for either" }
[[route]]
event = "tool-calls"
handler = "tools"
fallback = { sorry = true }
[[route]]
event = ["tool-calls", "assistant-request"]
handler = "both"
timeout = "9s"
fallback = "no"
[[route]]
event = "tool-calls"
handler = "tools"
fallback = { result = "Hello ${caller}." }
)"),
        "c.toml:8:9: handler[0].reply: reply to a tool call has neither result nor error\n"
        "c.toml:18:12: route[0].fallback: reply to a tool call has neither result nor error\n"
        "c.toml:23:12: route[1].fallback: expected table, found string\n"
        "c.toml:27:12: route[2].fallback: is given as it stands: ${...} is filled in by handlers of type "
        "\"reply\" only");
}

TEST_F(HandlerConfigTest, RoutesMustMakeSense) {
    EXPECT_EQ(mistakes_after_source(R"([[handler]]
name = "desk"
type = "reply"
reply = {}
[[route]]
event = ["status-update", "call-quality"]
tool = "lookup"
handler = "desk"
timeout = "11m"
fallback = { result = "x" }
late = "drop"
[[route]]
event = "assistant-*"
source = ["main", "mian"]
caller = []
called = ["+31*", ""]
timeout = "10m"
[[route]]
event = "assistant-request"
handler = "front"
timeout = "5s"
)"),
              "c.toml:11:8: route[0].tool: only tool-calls have a tool\n"
              "c.toml:13:11: route[0].timeout: must be between 10ms and 10m\n"
              "c.toml:14:12: route[0].fallback: nobody waits for an answer to these events\n"
              "c.toml:15:8: route[0].late: no answer to these events can be late: nobody waits for one\n"
              "c.toml:16:1: route[1].handler: missing\n"
              "c.toml:18:19: route[1].source[1]: no [[source]] has the name 'mian'; did you mean 'main'?\n"
              "c.toml:19:10: route[1].caller: must not be empty\n"
              "c.toml:20:19: route[1].called[1]: must not be empty\n"
              "c.toml:24:11: route[2].handler: no [[handler]] has the name 'front'; known here: desk\n"
              "c.toml:25:11: route[2].timeout: must be between 10ms and 4500ms");
}

/// The configuration that is shipped; with `uncommented`, all that is commented out in it is in force.
std::string shipped(bool uncommented) {
    std::ifstream in(FIXTURES "/../../config/hookswitch.toml");
    std::string text;
    for (std::string line; std::getline(in, line);) {
        const bool is_setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
        text += (uncommented && is_setting ? line.substr(1) : line) + "\n";
    }
    return text;
}

TEST_F(HandlerConfigTest, TheShippedFileSaysTheDefaults) {
    write("webhook-secret", "s3cret");
    write("api-key", "fl_live_1");
    write("hours.so", "");
    ::setenv("CREDENTIALS_DIRECTORY", directory.c_str(), 1);
    const auto config = parsed(shipped(false));
    const auto spelled_out = parsed(shipped(true));
    for (const auto* c : {&config, &spelled_out}) {
        EXPECT_EQ(c->server, ServerSettings{});
        EXPECT_EQ(c->log, log::Settings{});
        EXPECT_EQ(c->dedupe_window, Config{}.dedupe_window);
        JournalSettings journal;
        journal.path = "/var/lib/hookswitch/hookswitch.db";
        EXPECT_EQ(c->journal, journal);
        ASSERT_EQ(c->sources.size(), 1u);
        EXPECT_EQ(c->sources[0].signature.max_age, SignaturePolicy{}.max_age);
        EXPECT_EQ(c->sources[0].dialect, std::nullopt);
        EXPECT_TRUE(c->warnings.empty());
    }
    EXPECT_TRUE(config.handlers.empty() && config.routes.empty());
    EXPECT_FALSE(config.admin);
    ASSERT_TRUE(spelled_out.admin);
    EXPECT_EQ(spelled_out.admin->listen, AdminSettings{}.listen);
    EXPECT_FALSE(config.platform);
    ASSERT_TRUE(spelled_out.platform);
    const auto &platform = *spelled_out.platform, usual = PlatformSettings{};
    EXPECT_EQ(platform.base_url.peer() + platform.base_url.target,
              usual.base_url.peer() + usual.base_url.target);
    EXPECT_EQ(platform.era, usual.era);
    EXPECT_EQ(platform.ca_file, usual.ca_file);
    EXPECT_EQ(platform.connect_timeout, usual.connect_timeout);
    EXPECT_EQ(platform.timeout, usual.timeout);

    const auto handler = [&](std::string_view name) -> const HandlerConfig& {
        return *std::ranges::find(spelled_out.handlers, name, &HandlerConfig::name);
    };
    auto worker = std::get<WorkerSettings>(handler("desk").handler);
    worker.directory.clear();
    WorkerSettings defaults;
    defaults.name = "desk";
    defaults.command = {"python3", "desk.py"};
    defaults.environment = {{"PYTHONUNBUFFERED", "1"}};
    EXPECT_EQ(worker, defaults);
    auto exec = std::get<ExecSettings>(handler("notes").handler);
    exec.directory.clear();
    ExecSettings usual_exec;
    usual_exec.name = "notes";
    usual_exec.command = {"python3", "note.py"};
    usual_exec.environment = {{"NOTES", "notes"}};
    usual_exec.inherit = {"CRM_KEY"};
    EXPECT_EQ(exec, usual_exec);
    const auto& http = std::get<HttpUpstreamSettings>(handler("crm").handler);
    const HttpUpstreamSettings usual_http;
    EXPECT_EQ(http.bulkhead, usual_http.bulkhead);
    EXPECT_EQ(http.connect_timeout, usual_http.connect_timeout);
    EXPECT_EQ(http.max_answer, usual_http.max_answer);
    EXPECT_EQ(http.breaker, usual_http.breaker);
    EXPECT_EQ(http.raw, usual_http.raw);
    const auto& plugin = std::get<PluginSettings>(handler("hours").handler);
    PluginSettings usual_plugin;
    usual_plugin.name = "hours";
    usual_plugin.library = directory / "hours.so";
    usual_plugin.place = plugin.place;
    usual_plugin.settings = R"({"language":"en"})";
    EXPECT_EQ(plugin, usual_plugin);
    EXPECT_EQ(handler("desk").delivery.retry, DeliverySettings().retry);
    EXPECT_EQ(handler("desk").delivery.ordered, DeliverySettings().ordered);
    EXPECT_EQ(handler("to-sales").name, "to-sales");
    ASSERT_EQ(spelled_out.routes.size(), 7u);
    EXPECT_EQ(spelled_out.routes[0].timeout, max_timeout(EventKind::assistant_request));
    EXPECT_EQ(spelled_out.routes[2].timeout, timeout_for(RouteSettings{}, EventKind::status_update));
}

}  // namespace
}  // namespace hookswitch
