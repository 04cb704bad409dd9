#include "daemon/cli.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

cli::Command parse(std::initializer_list<const char*> args) {
    std::vector<const char*> argv{"hookswitch"};
    argv.insert(argv.end(), args);
    return cli::parse(static_cast<int>(argv.size()), argv.data());
}

TEST(Cli, ServeAndCheckTakeAConfiguration) {
    EXPECT_EQ(std::get<cli::Serve>(parse({"serve"})).config, "/etc/hookswitch/hookswitch.toml");
    EXPECT_EQ(std::get<cli::Serve>(parse({"serve", "-c", "x.toml"})).config, "x.toml");
    EXPECT_EQ(std::get<cli::Check>(parse({"check", "--config", "x.toml"})).config, "x.toml");
}

TEST(Cli, SignReadsStandardInputUnlessGivenAFile) {
    auto sign = std::get<cli::Sign>(parse({"sign", "--secret-file", "s"}));
    EXPECT_EQ(sign.secret_file, "s");
    EXPECT_EQ(sign.body, "-");
    EXPECT_EQ(sign.timestamp, "");
    sign = std::get<cli::Sign>(
        parse({"sign", "--secret-file=-", "--timestamp", "1700000000", "--event", "x", "b.json"}));
    EXPECT_EQ(sign.secret_file, "-");
    EXPECT_EQ(sign.timestamp, "1700000000");
    EXPECT_EQ(sign.event, "x");
    EXPECT_EQ(sign.body, "b.json");
}

TEST(Cli, VerifyKeepsTheHeadersAsText) {
    auto verify = std::get<cli::Verify>(parse({"verify", "--secret-file", "s", "--timestamp", "007",
                                               "--signature", "sha256=ab", "--max-age", "30d"}));
    EXPECT_EQ(verify.timestamp, "007");
    EXPECT_EQ(verify.signature, "sha256=ab");
    EXPECT_EQ(verify.max_age, 720h);
}

TEST(Cli, SendTakesManyBodies) {
    auto send = std::get<cli::Send>(parse({"send", "--to", "unix:/run/x.sock:/w", "--secret-file", "s",
                                           "--timeout", "2s", "--ca-file", "ca.pem", "a.json", "b.json"}));
    EXPECT_EQ(send.to.socket, "/run/x.sock");
    EXPECT_EQ(send.to.target, "/w");
    EXPECT_EQ(send.client.timeout, 2s);
    EXPECT_EQ(send.client.ca_file, "ca.pem");
    EXPECT_EQ(send.bodies, (std::vector<std::filesystem::path>{"a.json", "b.json"}));
}

TEST(Cli, ReplayTakesItsPace) {
    auto replay =
        std::get<cli::Replay>(parse({"replay", "--to", "http://x", "--secret-file", "s", "r.jsonl"}));
    EXPECT_EQ(replay.concurrency, 1u);
    EXPECT_FALSE(replay.rate || replay.speed || replay.compare || replay.json);
    EXPECT_EQ(replay.client.timeout, 30s);
    replay =
        std::get<cli::Replay>(parse({"replay", "--to", "http://x", "--secret-file", "s", "--rate", "12.5",
                                     "--concurrency", "8", "--compare", "--json", "r.jsonl", "-"}));
    EXPECT_EQ(replay.rate, 12.5);
    EXPECT_EQ(replay.concurrency, 8u);
    EXPECT_TRUE(replay.compare && replay.json);
    EXPECT_EQ(replay.recordings.size(), 2u);
}

TEST(Cli, TheDoctorTakesTheAddressOfTheWebhook) {
    const auto plain = std::get<cli::Doctor>(parse({"doctor"}));
    EXPECT_EQ(plain.config, "/etc/hookswitch/hookswitch.toml");
    EXPECT_EQ(plain.unit, "hookswitch");
    EXPECT_FALSE(plain.url || plain.no_start || plain.json);
    const auto doctor = std::get<cli::Doctor>(
        parse({"doctor", "--url", "https://x/webhook", "--unit", "calls.service", "--no-start", "--json"}));
    EXPECT_EQ(doctor.url->target, "/webhook");
    EXPECT_EQ(doctor.unit, "calls");
    EXPECT_TRUE(doctor.no_start && doctor.json);
    for (const char* unit : {"", "-p", "a;b", "$(reboot)", "a b"})
        EXPECT_EQ(std::get<cli::Exit>(parse({"doctor", "--unit", unit})).status, 2) << unit;
}

TEST(Cli, EventsTakeAFilter) {
    const auto list = std::get<cli::EventsList>(
        parse({"events",   "list", "-c",        "x.toml", "--call",  "c1", "--type",  "tool-calls",
               "--source", "main", "--caller",  "+311",   "--since", "2h", "--until", "2026-01-09T14:00:00Z",
               "--state",  "dead", "--handler", "crm",    "--limit", "7",  "--json"}));
    EXPECT_EQ(list.place.config, "x.toml");
    EXPECT_EQ(list.place.journal, "");
    EXPECT_EQ(list.filter.call, "c1");
    EXPECT_EQ(list.filter.type, "tool-calls");
    EXPECT_EQ(list.filter.source, "main");
    EXPECT_EQ(list.filter.caller, "+311");
    EXPECT_EQ(list.filter.since->ago, 2h);
    EXPECT_EQ(list.filter.until->at, parse_iso_time("2026-01-09T14:00:00Z"));
    EXPECT_EQ(list.filter.state, "dead");
    EXPECT_EQ(list.filter.handler, "crm");
    EXPECT_EQ(list.limit, 7u);
    EXPECT_TRUE(list.json);
    const auto tail = std::get<cli::EventsTail>(
        parse({"events", "tail", "--journal", "j.db", "--since", "2026-01-09", "--last", "0"}));
    EXPECT_EQ(tail.place.journal, "j.db");
    EXPECT_EQ(tail.filter.since->at, parse_iso_time("2026-01-09T00:00:00Z"));
    EXPECT_EQ(tail.last, 0u);
    EXPECT_TRUE(std::get<cli::EventsList>(parse({"events", "list"})).filter.empty());
}

TEST(Cli, EventsSayWhatIsToBeDone) {
    EXPECT_EQ(std::get<cli::EventsShow>(parse({"events", "show", "x", "--raw"})).what, "x");
    const auto exported =
        std::get<cli::EventsExport>(parse({"events", "export", "--redact", "--output", "o"}));
    EXPECT_TRUE(exported.redact);
    EXPECT_EQ(exported.output, "o");
    const auto redeliver = std::get<cli::EventsRedeliver>(
        parse({"events", "redeliver", "a", "b", "--handler", "crm", "--dry-run"}));
    EXPECT_EQ(redeliver.ids, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(redeliver.dry_run);
    EXPECT_TRUE(std::get<cli::EventsRedeliver>(parse({"events", "redeliver", "--dead"})).dead);
    EXPECT_EQ(std::get<cli::EventsPurge>(parse({"events", "purge", "--older-than", "7d"})).older_than, 168h);
    EXPECT_EQ(std::get<cli::EventsPurge>(parse({"events", "purge", "--caller", "+311"})).caller, "+311");
}

TEST(Cli, HelpAndVersionAreForStandardOutput) {
    EXPECT_EQ(std::get<cli::Exit>(parse({"--version"})).text, "hookswitch 0.1.0\n");
    for (const char* command : {"serve", "check", "sign", "verify", "send", "replay"}) {
        SCOPED_TRACE(command);
        auto exit = std::get<cli::Exit>(parse({command, "--help"}));
        EXPECT_EQ(exit.status, 0);
        EXPECT_NE(exit.text.find("Example:\n  hookswitch " + std::string(command)), std::string::npos)
            << exit.text;
    }
    for (const char* command : {"list", "show", "tail", "export", "redeliver", "purge"}) {
        SCOPED_TRACE(command);
        auto exit = std::get<cli::Exit>(parse({"events", command, "--help"}));
        EXPECT_EQ(exit.status, 0);
        EXPECT_NE(exit.text.find("Example:\n  hookswitch events " + std::string(command)), std::string::npos)
            << exit.text;
    }
    EXPECT_EQ(std::get<cli::Exit>(parse({"events", "--help"})).status, 0);
    EXPECT_EQ(std::get<cli::Exit>(parse({"--help"})).status, 0);
}

TEST(Cli, ApiSaysWhatIsAsked) {
    const auto api =
        std::get<cli::Api>(parse({"api", "campaign-leads", "create", "c1", "--phone-number", "+311", "--null",
                                  "variables", "--set", "x=[1]", "--data", "-", "--json"}));
    EXPECT_EQ(api.resource, "campaign-leads");
    EXPECT_EQ(api.verb, "create");
    EXPECT_EQ(api.ids, std::vector<std::string>{"c1"});
    EXPECT_EQ(api.data, "-");
    EXPECT_TRUE(api.json && !api.raw && !api.all);
    ASSERT_EQ(api.members.size(), 3u);
    EXPECT_EQ(api.members[0].field->name, "phone_number");
    EXPECT_EQ(api.members[0].value, "\"+311\"");
    EXPECT_EQ(api.members[1].from, cli::ApiMember::From::null);
    EXPECT_EQ(api.members[2].name, "x");
    EXPECT_EQ(api.members[2].field, nullptr);
    EXPECT_EQ(api.members[2].value, "[1]");
}

TEST(Cli, EveryOperationOfTheApiExplainsItself) {
    for (const auto& operation : platform_operations()) {
        const std::string resource(operation.resource), verb(operation.verb);
        SCOPED_TRACE(resource + ' ' + verb);
        const auto exit = std::get<cli::Exit>(parse({"api", resource.c_str(), verb.c_str(), "--help"}));
        EXPECT_EQ(exit.status, 0);
        const std::string example = "Example:\n  hookswitch api " + resource + ' ' + verb;
        EXPECT_NE(exit.text.find(example), std::string::npos) << exit.text;
        for (const auto& field : operation.fields)
            EXPECT_NE(exit.text.find("  --" + field.option_name()), std::string::npos) << exit.text;
    }
}

TEST(Cli, MistakesExitWithTwoAndSayWhatToDo) {
    const char* all =
        "serve, check, doctor, sign, verify, send, replay, events, call, api, simulate: see 'hookswitch "
        "--help'\n";
    const struct {
        std::initializer_list<const char*> args;
        std::string text;
    } cases[] = {
        {{}, std::string("hookswitch: no command given: there are ") + all},
        {{"dance", "--to", "x"}, std::string("hookswitch: 'dance' is not a command: there are ") + all},
        {{"sign"}, "hookswitch: sign: --secret-file is required: see 'hookswitch sign --help'\n"},
        {{"serve", "--port", "80"},
         "hookswitch: serve: The following arguments were not expected: 80 --port: see 'hookswitch serve "
         "--help'\n"},
        {{"sign", "--secret-file", "-"},
         "hookswitch: sign: standard input cannot be both, the secret and a body, or two bodies: see "
         "'hookswitch sign "
         "--help'\n"},
        {{"send", "--to", "http://x", "--secret-file", "s", "-", "-"},
         "hookswitch: send: standard input cannot be both, the secret and a body, or two bodies: see "
         "'hookswitch send "
         "--help'\n"},
        {{"send", "--to", "x", "--secret-file", "s", "b"},
         "hookswitch: send: --to: 'x' is not a URL to post to: it must begin with http://, https:// or "
         "unix:/: see "
         "'hookswitch send --help'\n"},
        {{"verify", "--secret-file", "s", "--timestamp", "1", "--signature", "2", "--max-age", "5"},
         "hookswitch: verify: --max-age: '5' is not a duration such as \"5m\" or \"30s\": see 'hookswitch "
         "verify "
         "--help'\n"},
        {{"replay", "--to", "http://x", "--secret-file", "s", "--rate", "1", "--speed", "1", "r"},
         "hookswitch: replay: --rate excludes --speed: see 'hookswitch replay --help'\n"},
        {{"replay", "--to", "http://x", "--secret-file", "s", "--rate", "nan", "r"},
         "hookswitch: replay: --rate: must be between 0.001 and 1000000: see 'hookswitch replay --help'\n"},
        {{"events"},
         "hookswitch: events: no command given: there are list, show, tail, export, redeliver, purge: see "
         "'hookswitch events --help'\n"},
        {{"events", "lst"},
         "hookswitch: events: 'lst' is not a command: there are list, show, tail, export, redeliver, purge: "
         "see "
         "'hookswitch events --help'\n"},
        {{"events", "show"},
         "hookswitch: events show: ID is required: see 'hookswitch events show --help'\n"},
        {{"events", "list", "--since", "yesterday"},
         "hookswitch: events list: --since: 'yesterday' is neither a time such as 2026-01-09T14:00:00Z nor a "
         "duration "
         "such as 2h (ago): see 'hookswitch events list --help'\n"},
        {{"events", "purge", "--older-than", "30"},
         "hookswitch: events purge: --older-than: '30' is not a duration such as \"30d\": see 'hookswitch "
         "events purge "
         "--help'\n"},
        {{"events", "redeliver"},
         "hookswitch: events redeliver: name events by their ids, by a filter, or with --dead: see "
         "'hookswitch events "
         "redeliver --help'\n"},
        {{"events", "redeliver", "a", "--dead"},
         "hookswitch: events redeliver: name events either by their ids or by a filter: see 'hookswitch "
         "events "
         "redeliver --help'\n"},
        {{"api", "numbers", "lst"},
         "hookswitch: api numbers: 'lst' is not a command: there are list, create, get, update, delete: see "
         "'hookswitch api numbers --help'\n"},
        {{"api", "numbers", "get"},
         "hookswitch: api numbers get: ID is required: see 'hookswitch api numbers get --help'\n"},
        {{"replay", "--to", "http://x", "--secret-file", "s", "--concurrency", "0", "r"},
         "hookswitch: replay: --concurrency: Value 0 not in range 1 to 1000: see 'hookswitch replay "
         "--help'\n"},
    };
    for (const auto& c : cases) {
        const auto command = parse(c.args);
        const auto* exit = std::get_if<cli::Exit>(&command);
        ASSERT_TRUE(exit) << c.text;
        EXPECT_EQ(exit->status, 2);
        EXPECT_EQ(exit->text, c.text);
    }
}

}  // namespace
}  // namespace hookswitch
