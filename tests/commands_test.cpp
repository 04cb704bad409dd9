#include "tests/support/command_test.hpp"
#include "tests/support/stub_server.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace hookswitch {
namespace {

using test::http_reply;
using test::kBody;
using test::ServedRequest;
using test::StubServer;
using SignCommand = test::CommandTest;
using VerifyCommand = test::CommandTest;
using SendCommand = test::CommandTest;

TEST_F(SignCommand, PrintsHeaderLinesThatCurlTakes) {
    EXPECT_EQ(hookswitch({"sign", "--secret-file", secret_, "--timestamp", "1700000000"}, R"({"a":1})"), 0);
    EXPECT_EQ(
        out(),
        "X-Webhook-Timestamp: 1700000000\n"
        "X-Webhook-Signature: sha256=13349242cfe1472819b5990abe25032a94ef87791e2b954e883063c6c0200856\n");
    EXPECT_EQ(hookswitch({"sign", "--secret-file", "-", "--event", "x", dir_.write("b", kBody)}, "other\n"),
              0);
    EXPECT_EQ(out().substr(0, 20), "X-Webhook-Event: x\nX");
    EXPECT_EQ(hookswitch({"sign", "--secret-file", secret_}, kBody), 0);
    EXPECT_EQ(out().substr(0, 31), "X-Webhook-Event: status-update\n");
}

TEST_F(SignCommand, SaysWhatItCouldNotRead) {
    EXPECT_EQ(hookswitch({"sign", "--secret-file", "/nonexistent"}), 1);
    EXPECT_EQ(err(), "hookswitch: sign: read the secret: open /nonexistent: No such file or directory\n");
    const std::string empty = dir_.write("empty", "\n");
    EXPECT_EQ(hookswitch({"sign", "--secret-file", empty}), 1);
    EXPECT_EQ(err(), "hookswitch: sign: read the secret: " + empty + " is empty\n");
    EXPECT_EQ(hookswitch({"sign", "--secret-file", secret_, dir_.path()}), 1);
    EXPECT_EQ(err(), "hookswitch: sign: read " + dir_.path().string() + ": Is a directory\n");
}

TEST_F(VerifyCommand, SaysWhetherItHoldsAndWhyNot) {
    const auto now = std::to_string(unix_seconds_now());
    const std::string signature = SigningKey(Secret("whsec_test_secret_12345")).sign(now, kBody);
    const auto verify = [&](const std::string& timestamp, const std::string& body) {
        return hookswitch(
            {"verify", "--secret-file", secret_, "--timestamp", timestamp, "--signature", signature}, body);
    };
    EXPECT_EQ(verify(now, kBody), 0);
    EXPECT_EQ(out().substr(0, 21), "signature holds (age ");
    EXPECT_EQ(verify(now, "{}"), 1);
    EXPECT_EQ(out(), "signature does not hold: signature does not match\n");
    EXPECT_EQ(verify("1700000000", kBody), 1);
    EXPECT_NE(out().find(" s old\n"), std::string::npos) << out();
}

TEST_F(SendCommand, SignsAndPrintsEachReply) {
    std::vector<ServedRequest> seen;
    StubServer server([&](const ServedRequest& request) {
        seen.push_back(request);
        return http_reply(seen.size() == 1 ? 200 : 401, "{\"n\":1}");
    });
    const std::string a = dir_.write("a.json", kBody), b = dir_.write("b.json", "not JSON");
    EXPECT_EQ(
        hookswitch({"send", "--to", "http://" + server.address() + "/webhook", "--secret-file", secret_, a}),
        0);
    EXPECT_EQ(
        hookswitch({"send", "--to", "http://" + server.address() + "/webhook", "--secret-file", secret_, b}),
        1);
    EXPECT_EQ(err(), "");
    EXPECT_EQ(out().substr(0, b.size() + 5), b + ": 401");
    EXPECT_EQ(out().substr(out().size() - 9), "\n{\"n\":1}\n");

    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].target(), "/webhook");
    EXPECT_EQ(seen[0]["X-Webhook-Event"], "status-update");
    EXPECT_EQ(seen[0]["Content-Type"], "application/json");
    EXPECT_EQ(seen[1].body(), "not JSON");
    SignaturePolicy policy;
    policy.keys.emplace_back(Secret("whsec_test_secret_12345"));
    for (const auto& request : seen) {
        SignatureHeaders headers;
        headers.signature = {request["X-Webhook-Signature"].data(), request["X-Webhook-Signature"].size()};
        headers.timestamp = {request["X-Webhook-Timestamp"].data(), request["X-Webhook-Timestamp"].size()};
        EXPECT_TRUE(verify(policy, headers, request.body(), std::chrono::system_clock::now()));
    }
}

TEST_F(SendCommand, GoesOnAfterAFailure) {
    std::atomic<int> requests{0};
    StubServer server([&](const ServedRequest&) { return ++requests, http_reply(200, ""); });
    EXPECT_EQ(hookswitch({"send", "--to", "http://" + server.address(), "--secret-file", secret_,
                          "/nonexistent", dir_.write("a.json", kBody)}),
              1);
    EXPECT_EQ(requests, 1);
    EXPECT_EQ(err(), "hookswitch: send: open /nonexistent: No such file or directory\n");
    EXPECT_EQ(hookswitch({"send", "--to", "unix:/nonexistent.sock", "--secret-file", secret_, "-"}, kBody),
              1);
    EXPECT_EQ(err(),
              "hookswitch: send -: connect to unix:/nonexistent.sock: No such file or directory: is the "
              "receiver running, and does it listen there?\n");
}

}  // namespace
}  // namespace hookswitch
