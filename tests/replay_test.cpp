#include "daemon/core/json.hpp"
#include "tests/support/command_test.hpp"
#include "tests/support/stub_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <map>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using test::http_reply;
using test::kBody;
using test::ServedRequest;
using test::StubServer;
using ReplayCommand = test::CommandTest;

std::string body_of(const std::string& call, int n = 0) {
    return R"({"message":{"type":"status-update","n":)" + std::to_string(n) + R"(,"call":{"id":")" + call +
           R"("}}})";
}

std::string recorded(const std::string& body, const std::string& more = "") {
    return R"({"path":"/webhook","body":)" + json_string(body) + (more.empty() ? "" : "," + more) + "}\n";
}

std::string reply_member(const std::string& body) {
    return R"("reply":{"status":200,"body":)" + json_string(body) + "}";
}

TEST_F(ReplayCommand, SendsWhatWasRecordedSignedAnew) {
    std::vector<ServedRequest> seen;
    StubServer server([&](const ServedRequest& request) {
        seen.push_back(request);
        return http_reply(200, "{}");
    });
    const std::string file = dir_.write(
        "calls.jsonl",
        recorded(
            kBody,
            R"("headers":{"user-agent":"HMS-Sovereign/1.0","x-webhook-signature":"sha256=00","host":"old",)"
            R"("Content-Length":"5","X-Webhook-Event":"as-recorded"})") +
            "\n" + recorded("not JSON") + kBody + "\n");
    const std::string pretty =
        dir_.write("body.json", "{\n  \"message\": {\"type\": \"status-update\"}\n}\n");
    EXPECT_EQ(hookswitch({"replay", "--to", "http://" + server.address(), "--secret-file", secret_, file,
                          pretty, "-"},
                         kBody),
              0)
        << out() << err();
    ASSERT_EQ(seen.size(), 5u);
    EXPECT_EQ(seen[0].target(), "/webhook");
    EXPECT_EQ(seen[0]["User-Agent"], "HMS-Sovereign/1.0");
    EXPECT_EQ(seen[0]["X-Webhook-Event"], "as-recorded");
    EXPECT_EQ(seen[0]["Host"], server.address());
    EXPECT_EQ(seen[0].count("X-Webhook-Signature"), 1u);
    EXPECT_EQ(seen[1].target(), "/webhook");
    EXPECT_EQ(seen[1].count("X-Webhook-Event"), 0u);
    EXPECT_EQ(seen[2].target(), "/");
    EXPECT_EQ(seen[2].body(), kBody);
    EXPECT_EQ(seen[2]["X-Webhook-Event"], "status-update");
    EXPECT_EQ(seen[3].body(), "{\n  \"message\": {\"type\": \"status-update\"}\n}");
    EXPECT_EQ(seen[4].body(), kBody);
    EXPECT_EQ(out().substr(0, 7), "5 sent ");
}

TEST_F(ReplayCommand, ComparesReplies) {
    StubServer server(
        [](const ServedRequest&) { return http_reply(200, R"({"results":[{"result":"Jan"}]})"); });
    const std::string file =
        dir_.write("calls.jsonl", recorded(kBody, reply_member(R"({ "results": [{"result": "Jan"}] })")) +
                                      recorded(kBody, reply_member(R"({"results":[{"result":"Piet"}]})")) +
                                      recorded(kBody));
    const auto replay = [&](const std::string& more) {
        return hookswitch(
            {"replay", "--to", "http://" + server.address(), "--secret-file", secret_, file, more});
    };
    EXPECT_EQ(replay("--compare"), 1);
    EXPECT_EQ(out().substr(0, out().find("3 sent")), file +
                                                         ":2: reply.results[0].result differs\n"
                                                         "  recorded \"Piet\"\n"
                                                         "  got      \"Jan\"\n");
    EXPECT_NE(out().find("compare  1 equal, 1 different, 1 without a recorded reply\n"), std::string::npos)
        << out();
    EXPECT_EQ(replay("--json"), 0) << "without --compare only the status counts";
}

TEST_F(ReplayCommand, SaysWhenThereIsNothingToDo) {
    StubServer server([](const ServedRequest&) { return http_reply(200, "{}"); });
    const auto replay = [&](const std::string& content) {
        return hookswitch({"replay", "--to", "http://" + server.address(), "--secret-file", secret_,
                           "--compare", dir_.write("calls.jsonl", content)});
    };
    EXPECT_EQ(replay(recorded(kBody)), 1);
    EXPECT_EQ(err(), "hookswitch: replay: nothing to compare with: no delivery has a recorded reply\n");
    EXPECT_EQ(replay("\n"), 1);
    EXPECT_EQ(err(), "hookswitch: replay: nothing to send: there is no delivery in what was given\n");
}

TEST_F(ReplayCommand, SummarisesInJson) {
    std::atomic<int> requests{0};
    StubServer server([&](const ServedRequest&) {
        switch (++requests) {
            case 1: return http_reply(200, "{}", "X-Hookswitch-Duplicate: true\r\n");
            case 2: return http_reply(503, R"({"error":"full"})");
            default: return std::string();
        }
    });
    const std::string file =
        dir_.write("calls.jsonl", recorded(kBody, reply_member("{}")) + recorded(kBody, reply_member("{}")) +
                                      recorded(kBody));
    EXPECT_EQ(hookswitch({"replay", "--to", "http://" + server.address(), "--secret-file", secret_,
                          "--compare", "--json", file}),
              1);
    auto summary = Document::parse(out());
    ASSERT_TRUE(summary) << out();
    const auto root = summary->root();
    const std::map<std::string, int> counts{{"sent", 3},       {"answered", 2},  {"failed", 1},
                                            {"not_2xx", 1},    {"equal", 1},     {"different", 1},
                                            {"unrecorded", 0}, {"duplicates", 1}};
    for (const auto& [key, count] : counts) EXPECT_EQ(std::int64_t(root[key]), count) << key;
    EXPECT_FALSE(bool(root["ok"]));
    EXPECT_TRUE(root["stopped"].is_null());
    EXPECT_EQ(std::int64_t(root["statuses"]["503"]), 1);
    EXPECT_EQ(std::string_view(root["mismatches"].at(0)["place"]), file + ":2");
    EXPECT_EQ(std::string_view(root["mismatches"].at(0)["where"]), "status");
    EXPECT_EQ(std::string_view(root["mismatches"].at(0)["got"]), R"(503 {"error":"full"})");
    EXPECT_EQ(std::string_view(root["failures"].at(0)["place"]), file + ":3");
    for (const char* name : {"p50", "p90", "p99", "p99.9", "max"})
        EXPECT_GT(double(root["latency_ms"][name]), 0) << name;
}

TEST_F(ReplayCommand, ListsTheFirstFailuresAndCountsTheRest) {
    StubServer server([](const ServedRequest&) { return http_reply(400, "{}"); });
    std::string content;
    for (int n = 0; n < 12; ++n) content += recorded(kBody, R"("reply":{"status":400,"body":"{}"})");
    const std::string file = dir_.write("calls.jsonl", content);
    EXPECT_EQ(hookswitch({"replay", "--to", "http://" + server.address(), "--secret-file", secret_,
                          "--compare", file}),
              1)
        << "equal, but not 2xx";
    const std::string tenth = file + ":10: answered 400: {}\n... and 2 more like these\n12 sent ";
    EXPECT_NE(out().find(tenth), std::string::npos) << out();
    EXPECT_NE(out().find("\nstatus   400: 12\n"), std::string::npos) << out();
}

TEST_F(ReplayCommand, StopsAtABrokenLine) {
    std::atomic<int> requests{0};
    StubServer server([&](const ServedRequest&) { return ++requests, http_reply(200, "{}"); });
    struct {
        std::string content, error;
    } const cases[] = {
        {recorded(kBody) + "{\"body\":\"x\", oops}\n" + recorded(kBody), ":2:14: "},
        {recorded(kBody) + "{\"body\":1}\n", ":2: body: expected string, found number"},
        {"{\"message\":\n{\"type\": oops}}\n", ":2:10: "},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.content);
        const std::string file = dir_.write("calls.jsonl", c.content);
        const std::string start = "hookswitch: replay: " + file + c.error;
        EXPECT_EQ(
            hookswitch({"replay", "--to", "http://" + server.address(), "--secret-file", secret_, file}), 1);
        EXPECT_EQ(err().substr(0, start.size()), start);
    }
    EXPECT_LE(requests, 2);
    EXPECT_EQ(hookswitch(
                  {"replay", "--to", "http://" + server.address(), "--secret-file", secret_, "/nonexistent"}),
              1);
    EXPECT_EQ(err(), "hookswitch: replay: open /nonexistent: No such file or directory\n");
}

TEST_F(ReplayCommand, SaysOnceThatNobodyIsThere) {
    const std::string file = dir_.write("calls.jsonl", recorded(kBody) + recorded(kBody));
    EXPECT_EQ(hookswitch({"replay", "--to", "unix:/nonexistent.sock", "--secret-file", secret_, file}), 1);
    EXPECT_EQ(out(), "");
    EXPECT_EQ(err(),
              "hookswitch: replay: connect to unix:/nonexistent.sock: No such file or directory: is the "
              "receiver running, and does it listen there?\n");
}

TEST_F(ReplayCommand, KeepsTheOrderOfEachCallWhenConcurrent) {
    std::vector<std::string> seen;
    StubServer server([&](const ServedRequest& request) {
        seen.push_back(request.body());
        return http_reply(200, "{}");
    });
    std::string content;
    std::vector<std::string> expected;
    for (int n = 0; n < 40; ++n)
        for (const char* call : {"a", "a", "b", "c"}) {
            const int number = static_cast<int>(expected.size());
            expected.push_back(body_of(call, number));
            content += recorded(expected.back());
        }
    EXPECT_EQ(hookswitch({"replay", "--to", "http://" + server.address(), "--secret-file", secret_,
                          "--concurrency", "8", dir_.write("calls.jsonl", content)}),
              0)
        << out() << err();
    EXPECT_GT(server.connections(), 1);
    const auto of_call = [](std::vector<std::string> bodies, const std::string& call) {
        std::erase_if(bodies, [&](const std::string& body) {
            return body.find("\"id\":\"" + call) == std::string::npos;
        });
        return bodies;
    };
    for (const char* call : {"a", "b", "c"}) EXPECT_EQ(of_call(seen, call), of_call(expected, call)) << call;
}

TEST_F(ReplayCommand, KeepsItsPace) {
    StubServer server([](const ServedRequest&) { return http_reply(200, "{}"); });
    const auto at = [](const char* second) {
        return recorded(kBody, std::string(R"("received_at":"2026-01-09T14:56:)") + second + R"(Z")");
    };
    const std::string file = dir_.write("calls.jsonl", at("00.000") + at("02.000") + at("06.000"));
    const struct {
        const char *option, *value;
        std::chrono::milliseconds at_least;
    } cases[] = {{"--rate", "50", 40ms}, {"--speed", "100", 60ms}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.option);
        const auto started = std::chrono::steady_clock::now();
        EXPECT_EQ(hookswitch({"replay", "--to", "http://" + server.address(), "--secret-file", secret_,
                              c.option, c.value, file}),
                  0);
        const auto took = std::chrono::steady_clock::now() - started;
        EXPECT_GE(took, c.at_least);
        EXPECT_LT(took, 2s);
    }
}

TEST_F(ReplayCommand, AnInterruptEndsItWithASummary) {
    StubServer server([](const ServedRequest&) {
        kill(getpid(), SIGINT);  // while this very request is in flight
        return http_reply(200, "{}");
    });
    std::string content;
    for (int n = 0; n < 10; ++n) content += recorded(body_of("c", n));
    EXPECT_EQ(hookswitch({"replay", "--to", "http://" + server.address(), "--secret-file", secret_, "--rate",
                          "1", dir_.write("calls.jsonl", content)}),
              130);
    EXPECT_EQ(out().substr(0, 7), "1 sent ") << out();
    EXPECT_EQ(err(), "hookswitch: replay: interrupted\n");
}

}  // namespace
}  // namespace hookswitch
