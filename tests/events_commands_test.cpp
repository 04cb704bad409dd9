#include "daemon/core/event.hpp"
#include "daemon/core/recording.hpp"
#include "daemon/io/journal_file.hpp"
#include "tests/support/command_test.hpp"
#include "tests/support/fixtures.hpp"
#include "tests/support/journal_builder.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <set>
#include <utility>

namespace hookswitch {
namespace {

using test::at;
using test::fixture;
using test::id_of;
using test::JournalBuilder;

const std::string kCall = "5c4d030f-43e3-4e65-899e-8148521e660f";

std::string file_text(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
}

std::ptrdiff_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

// A file in tests/golden, compared whole. HOOKSWITCH_WRITE_GOLDEN=1 writes it anew: read the change.
void expect_golden(const std::string& text, const std::string& name) {
    const std::string file = FIXTURES "/../golden/" + name;
    if (std::getenv("HOOKSWITCH_WRITE_GOLDEN")) std::ofstream(file, std::ios::binary) << text;
    EXPECT_EQ(text, file_text(file));
}

class EventsCommand : public test::CommandTest {
protected:
    int events(std::vector<std::string> words) {
        words.insert(words.begin(), "events");
        words.insert(words.begin() + 2, {"--journal", journal.file().string()});
        return hookswitch(words);
    }

    JournalBuilder::Given of_call(const std::string& type, const std::string& status,
                                  std::optional<std::string> handlers, const std::string& time) {
        JournalBuilder::Given event;
        event.type = type;
        event.call = kCall;
        event.status = status;
        event.caller = "+31612345678";
        event.called = "+31850835037";
        event.handlers = std::move(handlers);
        event.received_at = at("2026-01-09T14:" + time + "Z");
        const bool is_status = type == "status-update";
        const char* variant = is_status ? "-ended" : type == "tool-calls" ? "-single" : "-basic";
        event.body = fixture("camel-" + type + variant + ".json");
        return event;
    }

    void add_a_call() {
        const std::int64_t before = journal.add(of_call("assistant-request", "ringing", {}, "56:48.123")) - 1;
        journal.add(status("in-progress", "56:50.000"));
        journal.add(of_call("tool-calls", "in-progress", {}, "57:00.000"));
        journal.add(of_call("tool-calls", "in-progress", {}, "57:10.000"));
        journal.add(of_call("tool-calls", "in-progress", {}, "57:20.000"));
        journal.add(status("ended", "58:00.000"));
        journal.add(of_call("end-of-call-report", "ended", "crm\nlog", "58:30.000"));
        journal.answer(before + 1, "2026-01-09T14:56:48.124Z", "{}",
                       R"([{"id":"x","tool":null,"handler":null,"by":"built-in","ms":0.1,"why":null}])");
        journal.answer(
            before + 3, "2026-01-09T14:57:00.012Z", R"({"results":[]})",
            R"([{"id":"x","tool":"lookup_contact","handler":"desk","by":"handler","ms":11.52,"why":null}])");
        journal.answer(
            before + 4, "2026-01-09T14:57:18.000Z", R"({"results":[]})",
            R"([{"id":"x.1","tool":"lookup_contact","handler":"desk","by":"handler","ms":20,"why":null},)"
            R"({"id":"x.2","tool":"plan","handler":"desk","by":"fallback","ms":8000.04,"why":"no answer in time"}])");
        journal.attempt(before + 2, "crm", 1, "2026-01-09T14:56:50.001Z", "delivered");
        journal.attempt(before + 6, "crm", 1, "2026-01-09T14:58:00.001Z", "failed", "CRM is down",
                        "2026-01-09T14:58:05.100Z");
        journal.attempt(before + 6, "crm", 2, "2026-01-09T14:58:05.100Z", "delivered");
        journal.attempt(before + 7, "crm", 1, "2026-01-09T14:58:30.001Z", "failed", "CRM is down",
                        "2026-01-09T14:58:35.200Z");
        journal.attempt(before + 7, "crm", 2, "2026-01-09T14:58:35.200Z", "dead",
                        "the contact does not exist");
    }

    JournalBuilder::Given status(const std::string& is, const std::string& time) {
        return of_call("status-update", is, "crm", time);
    }

    JournalBuilder journal{dir_.path() / "hookswitch.db"};
};

// ---- list ------------------------------------------------------------------------------------------

TEST_F(EventsCommand, ListsATable) {
    add_a_call();
    EXPECT_EQ(events({"list"}), 0) << err();
    expect_golden(out(), "list.txt");
    EXPECT_EQ(events({"list", "--state", "dead", "--handler", "crm", "--limit", "5"}), 0);
    EXPECT_EQ(lines(out()), 2);
    EXPECT_EQ(events({"list", "--since", "1h"}), 0);
    EXPECT_EQ(out(), "");
    EXPECT_EQ(err(), "no event is like that\n");
    EXPECT_EQ(
        events({"list", "--since", "2026-01-09T14:58:00Z", "--until", "2026-01-09T14:58:30Z", "--json"}), 0);
    EXPECT_EQ(lines(out()), 1);
}

TEST_F(EventsCommand, ListsJsonLines) {
    add_a_call();
    EXPECT_EQ(events({"list", "--json", "--limit", "2"}), 0);
    EXPECT_EQ(
        out(),
        R"({"id":"01JH5Z0M6T0000000000000007","seq":7,"received_at":"2026-01-09T14:58:30.000Z",)"
        R"("type":"end-of-call-report","dialect":"camel","source":"main","call":")" +
            kCall + R"(","status":"ended","caller":"+31612345678","called":"+31850835037","size":)" +
            std::to_string(fixture("camel-end-of-call-report-basic.json").size()) +
            R"(,"state":"dead","deliveries":[{"handler":"crm","state":"dead","attempts":2,"next_at":null},)"
            R"({"handler":"log","state":"pending","attempts":0,"next_at":null}]})"
            "\n"
            R"({"id":"01JH5Z0M6T0000000000000006","seq":6,"received_at":"2026-01-09T14:58:00.000Z",)"
            R"("type":"status-update","dialect":"camel","source":"main","call":")" +
            kCall + R"(","status":"ended","caller":"+31612345678","called":"+31850835037","size":)" +
            std::to_string(fixture("camel-status-update-ended.json").size()) +
            R"(,"state":"delivered","deliveries":[{"handler":"crm","state":"delivered","attempts":2,"next_at":null}]})"
            "\n");
}

TEST_F(EventsCommand, CannotBeMisledByWhatIsInAnEvent) {
    journal.add({.type = "evil\x1b[2Jtype", .call = "a\nb"});
    EXPECT_EQ(events({"list"}), 0);
    EXPECT_EQ(out().find('\x1b'), std::string::npos);
    EXPECT_EQ(lines(out()), 2);
    EXPECT_EQ(events({"show", id_of(1)}), 0);
    EXPECT_EQ(out().find('\x1b'), std::string::npos);
}

// ---- tail ------------------------------------------------------------------------------------------

// `events tail` in a process of its own, with a pipe for its output.
class TailProcess {
public:
    explicit TailProcess(const std::function<int()>& body) {
        int channel[2];
        EXPECT_EQ(::pipe(channel), 0);
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(channel[1], STDOUT_FILENO);
            ::close(channel[0]);
            ::close(channel[1]);
            ::_exit(body());
        }
        ::close(channel[1]);
        output_ = ::fdopen(channel[0], "r");
    }
    ~TailProcess() {
        close_output();
        if (child_ > 0) end(SIGKILL);
    }

    std::string line() {
        char buffer[4096];
        return std::fgets(buffer, sizeof buffer, output_) ? buffer : "(end)";
    }
    void close_output() {
        if (output_) std::fclose(std::exchange(output_, nullptr));
    }
    /// Sends a signal unless it is 0, and returns the exit status; -1: ended by a signal.
    int end(int signal) {
        if (signal != 0) ::kill(child_, signal);
        int status = 0;
        ::waitpid(std::exchange(child_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t child_ = -1;
    FILE* output_ = nullptr;
};

struct TailCommand : EventsCommand {
    int tail(const std::vector<const char*>& more) {
        std::vector<const char*> argv{"hookswitch", "events", "tail", "--journal", file_.c_str()};
        argv.insert(argv.end(), more.begin(), more.end());
        const Console console{std::cin, std::cout, std::cerr};
        const auto command = cli::parse(static_cast<int>(argv.size()), argv.data());
        return run(std::get<cli::EventsTail>(command), console);
    }

    std::string file_ = journal.file().string();
};

TEST_F(TailCommand, FollowsUntilItIsInterrupted) {
    for (const char* call : {"a", "b", "c"}) journal.add({.call = call});
    (void)journal.file();
    for (const int signal : {SIGINT, SIGTERM}) {
        TailProcess process([&] { return tail({"--json", "--last", "2", "--type", "status-update"}); });
        EXPECT_NE(process.line().find(R"("call":"b")"), std::string::npos);
        EXPECT_NE(process.line().find(R"("call":"c")"), std::string::npos);
        journal.add({.type = "other", .call = "not asked for"});
        journal.add({.call = "c"});
        (void)journal.file();
        EXPECT_NE(process.line().find(R"("call":"c")"), std::string::npos);
        journal.add({.call = "b"});
        journal.add({.call = "c"});
        (void)journal.file();
        EXPECT_NE(process.line().find(R"("call":"b")"), std::string::npos);
        EXPECT_NE(process.line().find(R"("call":"c")"), std::string::npos);
        EXPECT_EQ(process.end(signal), 0);
    }
}

TEST_F(TailCommand, EndsWithItsReader) {
    TailProcess process([&] { return tail({"--last", "0"}); });
    EXPECT_EQ(process.line().substr(0, 3), "ID ");
    process.close_output();
    EXPECT_EQ(process.end(0), 0);
}

// ---- show ------------------------------------------------------------------------------------------

TEST_F(EventsCommand, ShowsTheTimelineOfACall) {
    add_a_call();
    EXPECT_EQ(events({"show", kCall}), 0) << err();
    expect_golden(out(), "timeline.txt");
}

TEST_F(EventsCommand, ShowsACallWhoseEventsCameInAnyOrder) {
    journal.add(of_call("tool-calls", "in-progress", {}, "56:40.000"));
    journal.add(status("in-progress", "56:41.000"));
    journal.add(status("in-progress", "56:42.000"));
    journal.add(of_call("end-of-call-report", "ended", "crm", "57:00.000"));
    journal.add(status("ended", "57:01.000"));
    journal.add(status("in-progress", "57:02.000"));
    journal.add(status("on-hold", "57:03.000"));
    auto other = of_call("status-update", "", "", "57:04.000");
    other.type = "call-quality";
    journal.add(other);
    journal.attempt(4, "crm", 1, "2026-01-09T14:57:00.001Z", "failed", "CRM is down",
                    "2026-01-09T14:57:05.100Z");
    EXPECT_EQ(events({"show", kCall}), 0) << err();
    expect_golden(out(), "timeline-out-of-order.txt");

    EXPECT_EQ(events({"show", kCall, "--json"}), 0);
    const auto json = Document::parse(out()).value();
    EXPECT_EQ(std::string_view(json.root()["state"]), "reported");
    const char* effects[] = {"moved", "repeated", "repeated", "moved", "late", "late", "none", "none"};
    std::size_t i = 0;
    for (const auto event : simdjson::dom::array(json.root()["events"]))
        EXPECT_EQ(std::string_view(event["effect"]), effects[i++]) << i;
    EXPECT_EQ(i, 8u);
}

TEST_F(EventsCommand, ShowsEverythingAboutAnEvent) {
    add_a_call();
    EXPECT_EQ(events({"show", id_of(4)}), 0) << err();
    expect_golden(out(), "event-answered.txt");
    EXPECT_EQ(events({"show", id_of(7)}), 0) << err();
    expect_golden(out(), "event-delivered.txt");
    EXPECT_EQ(events({"show", id_of(4) + ".2", "--raw"}), 0);
    EXPECT_EQ(out(), fixture("camel-tool-calls-single.json"));
    EXPECT_EQ(events({"show", id_of(4), "--json"}), 0);
    const auto json = Document::parse(out()).value();
    EXPECT_EQ(std::string_view(json.root()["body"]), fixture("camel-tool-calls-single.json"));
    EXPECT_EQ(std::string_view(json.root()["answer"]["parts"].at(1)["by"]), "fallback");
    EXPECT_EQ(std::int64_t(json.root()["answer"]["status"]), 200);
    EXPECT_TRUE(json.root()["attempts"].is_array());
}

TEST_F(EventsCommand, SaysWhatItCannotShow) {
    add_a_call();
    EXPECT_EQ(events({"show", "nobody"}), 1);
    EXPECT_EQ(err(),
              "hookswitch: events show: there is neither an event nor a call 'nobody': 'hookswitch events "
              "list' shows what there is\n");
    (void)journal.file();
    journal.sql("UPDATE event SET encoding = 2, body = NULL WHERE seq = 7");
    EXPECT_EQ(events({"show", id_of(7), "--raw"}), 1);
    EXPECT_EQ(err(), "hookswitch: events show: " + id_of(7) + ": its body was erased by retention\n");
    EXPECT_EQ(events({"show", id_of(7)}), 0);
    EXPECT_NE(out().find("(the body was erased by retention)"), std::string::npos);
}

// ---- where the journal is --------------------------------------------------------------------------

TEST_F(EventsCommand, FindsTheJournalThroughAConfigurationThatItCannotReadInFull) {
    add_a_call();
    (void)journal.file();
    const std::string rest = "[[source]]\nname = \"main\"\nsecret_files = [\"/nonexistent\"]\nnonsense = 1\n";
    const std::string relative = dir_.write("a.toml", "[journal]\npath = \"hookswitch.db\"\n" + rest);
    EXPECT_EQ(hookswitch({"events", "list", "-c", relative, "--limit", "1", "--json"}), 0) << err();
    EXPECT_NE(out(), "");
    const std::string without = dir_.write("b.toml", rest);
    EXPECT_EQ(hookswitch({"events", "list", "-c", without, "--limit", "1", "--json"}), 0) << err();
    ::setenv("HOOKSWITCH_TEST_STATE", dir_.path().c_str(), 1);
    const std::string variable =
        dir_.write("c.toml", "[journal]\npath = \"${HOOKSWITCH_TEST_STATE}/hookswitch.db\"\n");
    EXPECT_EQ(hookswitch({"events", "list", "-c", variable, "--limit", "1", "--json"}), 0) << err();

    const std::string off = dir_.write("d.toml", "[journal]\nsync = \"off\"\n");
    const std::string hint = ": name another configuration with -c, or the journal's file with --journal\n";
    EXPECT_EQ(hookswitch({"events", "list", "-c", off}), 1);
    EXPECT_EQ(err(), "hookswitch: events list: find the journal: " + off +
                         " keeps no journal: [journal] has sync = \"off\"" + hint);
    const std::string broken = dir_.write("e.toml", "[journal\n");
    EXPECT_EQ(hookswitch({"events", "list", "-c", broken}), 1);
    EXPECT_EQ(err().find("hookswitch: events list: find the journal: " + broken + ":1:"), 0u) << err();
    EXPECT_EQ(hookswitch({"events", "list", "-c", "/nonexistent.toml"}), 1);
    EXPECT_EQ(err(),
              "hookswitch: events list: find the journal: open /nonexistent.toml: No such file or directory" +
                  hint);
    EXPECT_EQ(hookswitch({"events", "list", "--journal", "/nonexistent.db"}), 1);
    EXPECT_EQ(err(),
              "hookswitch: events list: open /nonexistent.db: unable to open database file (No such file or "
              "directory): is the path right, and may you read it?\n");
}

TEST_F(EventsCommand, RefusesAJournalOfANewerVersion) {
    (void)journal.file();
    journal.sql("PRAGMA user_version = 7");
    for (const char* command : {"list", "export", "tail"}) {
        EXPECT_EQ(events({command}), 1) << command;
        EXPECT_EQ(err(),
                  std::string("hookswitch: events ") + command + ": " + "open " + journal.file().string() +
                      ": the journal was written by a newer version of hookswitch (schema 7, this one knows "
                      "3): install that version, or move the file aside\n");
    }
}

// ---- export ----------------------------------------------------------------------------------------

std::vector<RecordedDelivery> deliveries(const std::string& text) {
    std::vector<RecordedDelivery> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        auto delivery = parse_delivery(line);
        EXPECT_TRUE(delivery) << delivery.error().what();
        if (delivery) all.push_back(*std::move(delivery));
    }
    return all;
}

TEST_F(EventsCommand, ExportsWhatReplayReads) {
    add_a_call();
    journal.add({.call = "other"});
    EXPECT_EQ(events({"export", "--call", kCall}), 0) << err();
    EXPECT_EQ(err(), "");
    const auto all = deliveries(out());
    ASSERT_EQ(all.size(), 7u);
    EXPECT_EQ(all[0].received_at, at("2026-01-09T14:56:48.123Z"));
    EXPECT_EQ(all[0].source, "main");
    EXPECT_EQ(all[0].path, "/webhook");
    EXPECT_EQ(all[0].headers.at(1), std::make_pair(std::string("x-webhook-event"), std::string("x")));
    EXPECT_EQ(all[0].body, fixture("camel-assistant-request-basic.json"));
    EXPECT_EQ(all[0].reply->body, "{}");
    EXPECT_EQ(all[2].reply->body, R"({"results":[]})");
    EXPECT_FALSE(all[4].reply);  // unanswered
    EXPECT_EQ(all[6].reply->status, 200);
    EXPECT_EQ(all[6].reply->body, "{}");
    EXPECT_EQ(all[6].body, fixture("camel-end-of-call-report-basic.json"));
}

TEST_F(EventsCommand, ExportsToAPrivateFileAndCountsWhatIsLeftOut) {
    for (int i = 0; i < 450; ++i) journal.add({.body = "{\"n\":" + std::to_string(i) + "}"});
    (void)journal.file();
    journal.sql("UPDATE event SET encoding = 2, body = NULL WHERE seq IN (3, 4)");
    const std::string file = dir_.write("out.jsonl", "what was there before");
    ::chmod(file.c_str(), 0644);
    EXPECT_EQ(events({"export", "--output", file}), 0) << err();
    EXPECT_EQ(out(), "");
    EXPECT_EQ(err(),
              "left out 2 events whose body was erased by retention\nexported 448 events to " + file + "\n");
    struct stat is {};
    EXPECT_EQ(::stat(file.c_str(), &is), 0);
    EXPECT_EQ(is.st_mode & 0777, 0600u);
    const auto all = deliveries(file_text(file));
    ASSERT_EQ(all.size(), 448u);
    EXPECT_EQ(all[0].body, "{\"n\":0}");
    EXPECT_EQ(all[447].body, "{\"n\":449}");
    EXPECT_EQ(events({"export", "--output", "/nonexistent/x"}), 1);
    EXPECT_EQ(err(), "hookswitch: events export: create /nonexistent/x: No such file or directory\n");
}

TEST_F(EventsCommand, RedactsConsistentlyWithinOneExport) {
    add_a_call();
    EXPECT_EQ(events({"export", "--redact"}), 0) << err();
    const std::string first = out();
    for (const char* part : {"31612345678", "31850835037", "Flireo Demo", "5c4d030f", "Voorbeeld", "Klant"})
        EXPECT_EQ(first.find(part), std::string::npos) << part;
    const auto all = deliveries(first);
    ASSERT_EQ(all.size(), 7u);
    std::set<std::string> calls, callers, types;
    for (const auto& delivery : all) {
        const auto event = parse_event(delivery.body);
        ASSERT_TRUE(event);
        calls.emplace(event->call_id);
        callers.emplace(event->caller.value());
        types.emplace(event->type);
    }
    EXPECT_EQ(calls.size(), 1u);
    EXPECT_EQ(callers.size(), 1u);
    EXPECT_EQ(types, (std::set<std::string>{"assistant-request", "end-of-call-report", "status-update",
                                            "tool-calls"}));
    EXPECT_EQ(events({"export", "--redact"}), 0);
    EXPECT_NE(out(), first);  // another key
}

// ---- redeliver -------------------------------------------------------------------------------------

struct RedeliverCommand : EventsCommand {
    RedeliverCommand() {
        journal.add({.handlers = "crm\nlog"});                           // 1: crm delivered, log dead
        journal.add({.handlers = "crm"});                                // 2: pending
        journal.add({.handlers = "crm"});                                // 3: waiting
        journal.add({.type = "tool-calls", .handlers = {}});             // 4
        journal.add({.handlers = "crm"});                                // 5: delivered, erased
        journal.add({.handlers = ""});                                   // 6
        journal.add({.type = "end-of-call-report", .handlers = "crm"});  // 7: dead
        journal.attempt(1, "crm", 1, "2026-01-09T14:00:02Z", "delivered");
        journal.attempt(1, "log", 1, "2026-01-09T14:00:02Z", "dead", "no");
        journal.attempt(3, "crm", 1, "2026-01-09T14:00:03Z", "failed", "no", "2026-01-09T14:00:08Z");
        journal.attempt(5, "crm", 1, "2026-01-09T14:00:05Z", "delivered");
        journal.attempt(7, "crm", 1, "2026-01-09T14:00:07Z", "dead", "no");
        (void)journal.file();
        journal.sql("UPDATE event SET encoding = 2, body = NULL WHERE seq = 5");
    }

    std::string asked_for() {
        auto rows = journal.database().prepare("SELECT seq, handler FROM redelivery ORDER BY n").value();
        std::string all;
        while (rows.step().value()) all += std::to_string(rows.integer(0)) + std::string(rows.text(1)) + " ";
        return all;
    }
};

TEST_F(RedeliverCommand, TakesOneEvent) {
    EXPECT_EQ(events({"redeliver", id_of(1)}), 0) << err();
    EXPECT_EQ(out(), "redelivering 1 event, 2 deliveries\n");
    EXPECT_EQ(asked_for(), "1crm 1log ");
    EXPECT_EQ(events({"redeliver", id_of(1), id_of(3), id_of(3), "--handler", "crm"}), 0);
    EXPECT_EQ(out(), "redelivering 1 event, 1 delivery; left alone: 1 asked for already\n");
    EXPECT_EQ(asked_for(), "1crm 1log 3crm ");
}

TEST_F(RedeliverCommand, TakesAllDeadLetters) {
    EXPECT_EQ(events({"redeliver", "--dead", "--dry-run"}), 0) << err();
    EXPECT_EQ(out(), id_of(1) + " to log: status-update of c1\n" + id_of(7) +
                         " to crm: end-of-call-report of c1\nwould redeliver 2 events, 2 deliveries\n");
    EXPECT_EQ(asked_for(), "");
    EXPECT_EQ(events({"redeliver", "--dead", "--handler", "crm", "--json"}), 0);
    EXPECT_EQ(
        out(),
        R"({"dry_run":false,"events":1,"deliveries":[{"id":")" + id_of(7) +
            R"(","handler":"crm"}],"left_alone":{"unsettled":0,"requested":0,"erased":0,"waited_for":0}})"
            "\n");
    EXPECT_EQ(asked_for(), "7crm ");
}

TEST_F(RedeliverCommand, TakesAFilterAndLeavesAloneWhatIsOnItsWay) {
    EXPECT_EQ(events({"redeliver", "--call", "c1"}), 0) << err();
    EXPECT_EQ(
        out(),
        "redelivering 2 events, 3 deliveries; left alone: 2 still pending or waiting, 1 without a body, 1 "
        "answered while the caller waited\n");
    EXPECT_EQ(asked_for(), "1crm 1log 7crm ");
}

TEST_F(RedeliverCommand, RefusesWhatCannotBeDeliveredAgain) {
    const struct {
        std::vector<std::string> words;
        std::string why;
    } cases[] = {
        {{id_of(4)},
         id_of(4) + ": tool-calls was answered while the caller waited: only told-only events, such as "
                    "status-update "
                    "and end-of-call-report, can be delivered again"},
        {{id_of(5)}, id_of(5) + ": its body was erased by retention: there is nothing left to deliver"},
        {{id_of(6)}, id_of(6) + ": no handler had to get it: give it a route, and replay an export"},
        {{id_of(7), "--handler", "log"}, id_of(7) + ": handler 'log' did not have to get it"},
        {{id_of(1), "nobody"}, "there is no event 'nobody': 'hookswitch events list' shows their ids"},
    };
    for (const auto& c : cases) {
        std::vector<std::string> words{"redeliver"};
        words.insert(words.end(), c.words.begin(), c.words.end());
        EXPECT_EQ(events(words), 1);
        EXPECT_EQ(err(), "hookswitch: events redeliver: " + c.why + "\n");
        EXPECT_EQ(asked_for(), "");
    }
    for (const std::vector<std::string>& words : {std::vector<std::string>{"redeliver"},
                                                  {"redeliver", "x", "--dead"},
                                                  {"redeliver", "x", "--call", "c"},
                                                  {"redeliver", "--dead", "--state", "dead"}})
        EXPECT_EQ(events(words), 2) << words.back();
}

TEST_F(RedeliverCommand, WritesManyInShortTransactions) {
    for (int i = 0; i < 1200; ++i) {
        const auto seq = journal.add({.call = "many", .handlers = "crm"});
        journal.attempt(seq, "crm", 1, "2026-01-09T15:00:00Z", "delivered");
    }
    EXPECT_EQ(events({"redeliver", "--call", "many"}), 0) << err();
    EXPECT_EQ(out(), "redelivering 1200 events, 1200 deliveries\n");
    EXPECT_EQ(journal.number("SELECT count(*) FROM redelivery"), 1200);
}

// ---- purge -----------------------------------------------------------------------------------------

TEST_F(EventsCommand, PurgesByTheRetentionOfTheConfiguration) {
    add_a_call();
    (void)journal.file();
    const std::string config = dir_.write("c.toml", "[journal]\nretention = \"30d\"\n");
    const auto purge = [&](std::vector<std::string> more) {
        std::vector<std::string> words{"events", "purge", "-c", config};
        words.insert(words.end(), more.begin(), more.end());
        return hookswitch(words);
    };
    EXPECT_EQ(purge({"--dry-run"}), 0) << err();
    EXPECT_EQ(out(),
              "would erase 6 events: 1 assistant-request, 2 status-update, 3 tool-calls\nreceived from "
              "2026-01-09T14:56:48.123Z to 2026-01-09T14:58:00.000Z\n");
    EXPECT_EQ(journal.number("SELECT count(*) FROM event"), 7);
    EXPECT_EQ(purge({}), 0) << err();
    EXPECT_EQ(
        out().find("erased 6 events: 1 assistant-request, 2 status-update, 3 tool-calls\nreceived from "), 0u)
        << out();
    EXPECT_EQ(journal.number("SELECT count(*) FROM event"), 1);  // log has not got the report yet
    EXPECT_EQ(purge({"--older-than", "0s", "--json"}), 0);
    EXPECT_EQ(
        out().find(
            R"({"dry_run":false,"events":0,"types":{},"bodies":0,"first_at":null,"last_at":null,"bytes_)"),
        0u)
        << out();
    EXPECT_EQ(hookswitch({"events", "purge", "--journal", journal.file(), "-c", "/nonexistent.toml"}), 1);
    EXPECT_EQ(err(),
              "hookswitch: events purge: find the retention: open /nonexistent.toml: No such file or "
              "directory: name "
              "another configuration with -c, or say --older-than\n");
}

struct PurgeCaller : EventsCommand {
    PurgeCaller() {
        for (int i = 0; i < 9000; ++i)
            journal.add({.call = "c" + std::to_string(i / 4), .caller = "+31611111111"});
        add_a_call();  // 9001..; its answers and attempts are of other numbers
        const std::string large(9000, ' ');
        journal.add({.call = "said", .body = "{\"text\":\"bel +31612345678\"," + large + "\"a\":1}"});
        journal.add({.call = "said", .handlers = "crm", .body = "{\"plain\":1}"});
        const auto told = journal.add({.type = "tool-calls", .call = "told", .handlers = {}});
        journal.answer(told, "2026-01-09T14:57:00Z", "{\"to\":\"+31612345678\"}", "[]");
        const auto other = journal.add({.type = "tool-calls", .call = "kept", .handlers = {}});
        journal.answer(other, "2026-01-09T14:57:00Z", "{\"to\":\"+31611111111\"}", "[]");
        (void)journal.file();
    }

    bool in_bytes(const std::string& text) {
        for (const char* end : {"", "-wal"})
            if (file_text(journal.file().string() + end).find(text) != std::string::npos) return true;
        return false;
    }
};

TEST_F(PurgeCaller, ErasesAPersonAndSaysWhat) {
    EXPECT_TRUE(in_bytes("31612345678"));
    EXPECT_EQ(events({"purge", "--caller", "+31612345678", "--dry-run"}), 0) << err();
    const std::string erased =
        "10 events of 3 calls: 1 assistant-request, 1 end-of-call-report, 4 status-update, 4 "
        "tool-calls\nreceived "
        "from 2026-01-09T14:56:48.123Z to 2026-01-09T14:58:33.000Z\n";
    EXPECT_EQ(out(), "would erase " + erased);
    EXPECT_EQ(journal.number("SELECT count(*) FROM event"), 9011);

    EXPECT_EQ(events({"purge", "--caller", "+31612345678"}), 0) << err();
    EXPECT_EQ(out().find("erased " + erased), 0u) << out();
    EXPECT_NE(out().find("\nthe number is nowhere in the journal's files any more\n"), std::string::npos)
        << out();
    EXPECT_EQ(journal.number("SELECT count(*) FROM event"), 9001);
    EXPECT_EQ(journal.number("SELECT value FROM meta WHERE key = 'next_seq'"), 9011);
    EXPECT_EQ(journal.number("PRAGMA freelist_count"), 0);
    EXPECT_EQ(journal.database().text("PRAGMA integrity_check").value(), "ok");
    EXPECT_FALSE(in_bytes("31612345678"));
    EXPECT_FALSE(in_bytes("CRM is down"));
    EXPECT_TRUE(in_bytes("+31611111111"));
    EXPECT_EQ(events({"list", "--caller", "+31612345678"}), 0);
    EXPECT_EQ(out(), "");
    EXPECT_EQ(events({"purge", "--caller", "0031 612345678", "--json"}), 0);
    EXPECT_EQ(out().find(R"({"dry_run":false,"events":0,)"), 0u) << out();
    EXPECT_NE(out().find(R"("calls":0,"complete":true})"), std::string::npos) << out();
}

TEST_F(PurgeCaller, IsHonestWhenTheLogCannotBeEmptied) {
    auto reader = open_journal_to_read(journal.file()).value();
    ASSERT_TRUE(reader.execute("BEGIN"));
    EXPECT_EQ(reader.integer("SELECT count(*) FROM segment").value().value() > 0, true);
    EXPECT_EQ(events({"purge", "--caller", "+31612345678"}), 1);
    EXPECT_EQ(out().find("erased 10 events of 3 calls"), 0u) << out();
    EXPECT_EQ(out().find("nowhere"), std::string::npos) << out();
    EXPECT_EQ(err(),
              "hookswitch: events purge: the events are erased, but their bytes may still be in " +
                  journal.file().string() +
                  "-wal, which could not be emptied because somebody is reading or writing: run the command "
                  "again when it is quiet, or with the daemon stopped\n");
    ASSERT_TRUE(reader.execute("COMMIT"));
    EXPECT_EQ(events({"purge", "--caller", "+31612345678"}), 0) << err();
    EXPECT_NE(out().find("nowhere"), std::string::npos) << out();
}

// What SQLite leaves behind of rows that were moved or deleted at any time before.
TEST_F(PurgeCaller, WritesTheFileAnewIfNeedBeAndNoDaemonRuns) {
    journal.sql("PRAGMA secure_delete = OFF");
    journal.sql("INSERT INTO answer VALUES(1000000, 0, 200, '+31612345678 was here', '')");
    journal.sql("DELETE FROM answer WHERE seq = 1000000");
    const int lock = ::open((journal.file().string() + ".lock").c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(::flock(lock, LOCK_EX), 0);
    EXPECT_EQ(events({"purge", "--caller", "+31612345678"}), 1);
    EXPECT_EQ(
        err(),
        "hookswitch: events purge: the events are erased, but the number is still somewhere in " +
            journal.file().string() +
            ", in what SQLite left of them: run the command again with the daemon stopped, then the whole "
            "file is written anew\n");
    EXPECT_TRUE(in_bytes("31612345678"));
    ::close(lock);
    EXPECT_EQ(events({"purge", "--caller", "+31612345678"}), 0) << err();
    EXPECT_FALSE(in_bytes("31612345678"));
    EXPECT_EQ(journal.number("SELECT count(*) FROM event"), 9001);
    EXPECT_EQ(journal.number("PRAGMA auto_vacuum"), 2);
}

TEST_F(EventsCommand, WaitsForAShortLockAndReportsALongOne) {
    add_a_call();
    (void)journal.file();
    auto held = sqlite::Transaction::begin(journal.database()).value();
    EXPECT_EQ(events({"list", "--limit", "1"}), 0) << err();  // readers need not wait
    EXPECT_EQ(events({"redeliver", id_of(2)}), 1);
    EXPECT_EQ(err().find("hookswitch: events redeliver: "), 0u);
    EXPECT_NE(err().find("database is locked: somebody holds it for long, a backup perhaps: try again\n"),
              std::string::npos)
        << err();
}

}  // namespace
}  // namespace hookswitch
