#include "handlers/http_request.hpp"

#include "daemon/core/trace_context.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace hookswitch {
namespace {

using namespace std::literals;

constexpr std::string_view kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct HttpRequestTest : testing::Test {
    HttpRequestTest() {
        settings.url.target = "/hook?a=1";
        invocation.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        invocation.source = "main";
        event(R"({"message":{"type":"status-update","call":{"id":"c1","status":"ended"}}})");
        invocation.attempt = 3;
    }

    void event(const char* body) {
        invocation.event = std::make_shared<const Event>(parse_event(body).value());
    }

    HttpClient::Request made() const { return http_request(settings, invocation, 7980ms); }

    /// "name: value" of every field but the trace's, in order of names.
    static std::string fields(const HttpClient::Request& request) {
        std::string text;
        for (auto headers = std::multimap(request.headers.begin(), request.headers.end());
             const auto& [name, value] : headers)
            if (name != "traceparent") text += name + ": " + value + "\n";
        return text;
    }

    static std::string field(const HttpClient::Request& request, std::string_view name) {
        const auto found = std::ranges::find(request.headers, name, &HttpHeaders::value_type::first);
        return found == request.headers.end() ? "none" : found->second;
    }

    void raw(std::string head) {
        settings.raw = true;
        invocation.trace = trace_in(head);
        invocation.raw = std::make_shared<const RawRequest>(RawRequest{std::move(head), "{ \"raw\" :1}"});
    }

    HttpUpstreamSettings settings;
    Invocation invocation;
};

TEST_F(HttpRequestTest, IsTheEventWithItsDeadlineAndTrace) {
    const auto request = made();
    EXPECT_EQ(request.target, "/hook?a=1");
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.body, to_json(invocation, 3, 7980ms));
    EXPECT_EQ(fields(request),
              "Accept: application/json\n"
              "Content-Type: application/json\n"
              "User-Agent: hookswitch/" HOOKSWITCH_VERSION
              "\n"
              "X-Hookswitch-Attempt: 3\n"
              "X-Hookswitch-Deadline-Ms: 7980\n"
              "X-Hookswitch-Event-Id: 01ARZ3NDEKTSV4RRFFQ69G5FAV\n"
              "X-Webhook-Event: status-update\n");
    EXPECT_EQ(trace_id(field(request, "traceparent")), "01563e3ab5d3d6764c61efb99302bd5b");
    EXPECT_EQ(request.until, invocation.deadline);
}

TEST_F(HttpRequestTest, MayBeRepeatedIfNobodyWaitsForIt) {
    EXPECT_TRUE(made().may_repeat);
    event(R"({"message":{"type":"assistant-request","call":{"id":"c1"}}})");
    EXPECT_FALSE(made().may_repeat);
}

TEST_F(HttpRequestTest, IsSignedNow) {
    const SigningKey key{Secret("inner")};
    settings.key = key;
    const auto request = made();
    const auto timestamp = field(request, "X-Webhook-Timestamp");
    const auto now = std::chrono::system_clock::now();
    SignaturePolicy policy;
    policy.keys = {key};
    policy.max_age = 5s;
    const std::string signature = field(request, "X-Webhook-Signature");
    EXPECT_TRUE(verify(policy, {signature, timestamp}, request.body, now));
    EXPECT_TRUE(signature.starts_with("sha256="));
}

TEST_F(HttpRequestTest, AddsWhatTheOperatorWants) {
    settings.headers.emplace_back("authorization", Secret("Bearer t0ken"));
    settings.headers.emplace_back("user-agent", Secret("desk"));
    const auto request = made();
    EXPECT_EQ(field(request, "authorization"), "Bearer t0ken");
    EXPECT_EQ(field(request, "user-agent"), "desk");
    EXPECT_EQ(field(request, "User-Agent"), "none");
}

TEST_F(HttpRequestTest, RawIsWhatCame) {
    raw("POST /webhook HTTP/1.1\r\n"
        "Host: hooks.example.com\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        "User-Agent:HMS-Sovereign/1.0\r\n"
        "X-Webhook-Event: status-update\r\n"
        "X-Webhook-Timestamp: 1700000000\r\n"
        "X-Webhook-Signature: sha256=00\r\n"
        "X-Forwarded-For: 198.51.100.7\r\n"
        "Accept-Encoding: gzip, br\r\n"
        "Connection: keep-alive, X-Hop\r\n"
        "X-Hop: 1\r\n"
        "Keep-Alive: timeout=5\r\n"
        "Transfer-Encoding: chunked\r\n"
        "Content-Length: 11\r\n"
        "Expect: 100-continue\r\n"
        "x-hookswitch-deadline-ms: 1\r\n"
        "tracestate: left=alone\r\n"
        "Traceparent: " +
        std::string(kTrace) + "\r\n\r\n");
    const auto request = made();
    EXPECT_EQ(request.body, "{ \"raw\" :1}");
    EXPECT_EQ(request.target, "/hook?a=1");
    EXPECT_EQ(fields(request),
              "Content-Type: application/json; charset=utf-8\n"
              "User-Agent: HMS-Sovereign/1.0\n"
              "X-Forwarded-For: 198.51.100.7\n"
              "X-Hookswitch-Attempt: 3\n"
              "X-Hookswitch-Deadline-Ms: 7980\n"
              "X-Hookswitch-Event-Id: 01ARZ3NDEKTSV4RRFFQ69G5FAV\n"
              "X-Webhook-Event: status-update\n"
              "X-Webhook-Signature: sha256=00\n"
              "X-Webhook-Timestamp: 1700000000\n"
              "tracestate: left=alone\n");
    EXPECT_EQ(field(request, "traceparent"), kTrace);
    EXPECT_EQ(field(request, "Traceparent"), "none") << "one is enough";
}

TEST_F(HttpRequestTest, RawCanBeSignedAnew) {
    raw("POST / HTTP/1.1\r\nx-webhook-signature: sha256=00\r\nX-WEBHOOK-TIMESTAMP: 1\r\n"
        "Authorization: Basic theirs\r\n\r\n");
    const SigningKey key{Secret("inner")};
    settings.key = key;
    settings.headers.emplace_back("Authorization", Secret("Bearer ours"));
    const auto request = made();
    const auto timestamp = field(request, "X-Webhook-Timestamp");
    EXPECT_EQ(field(request, "X-Webhook-Signature"), "sha256=" + key.sign(timestamp, request.body));
    EXPECT_EQ(field(request, "Authorization"), "Bearer ours");
    for (const char* gone : {"x-webhook-signature", "X-WEBHOOK-TIMESTAMP"})
        EXPECT_EQ(field(request, gone), "none");
}

TEST_F(HttpRequestTest, PassesATraceOnAsItCame) {
    invocation.trace = {std::string(kTrace), "left=alone"};
    const auto request = made();
    EXPECT_EQ(field(request, "traceparent"), kTrace);
    EXPECT_EQ(field(request, "tracestate"), "left=alone");
}

TEST(HttpRequestFields, SomeAreNotTheOperators) {
    for (const char* name : {"Authorization", "X-Tenant", "Cookie", "Content-Type"})
        EXPECT_TRUE(may_be_set(name)) << name;
    for (const char* name : {"host", "Content-Length", "connection", "X-Webhook-Signature", "traceparent",
                             "X-Hookswitch-Event-Id"})
        EXPECT_FALSE(may_be_set(name)) << name;
}

}  // namespace
}  // namespace hookswitch
