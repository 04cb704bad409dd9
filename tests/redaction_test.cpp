#include "daemon/core/redaction.hpp"

#include "daemon/core/event.hpp"
#include "daemon/core/json.hpp"
#include "tests/support/fixtures.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace hookswitch {
namespace {

RecordedDelivery delivery(std::string body, std::optional<std::string> reply = {}) {
    RecordedDelivery out;
    out.source = "main";
    out.path = "/webhook?token=s3cret";
    out.headers = {{"host", "hooks.example.org"},
                   {"content-type", "application/json"},
                   {"content-length", "12"},
                   {"authorization", "Bearer abc"},
                   {"x-webhook-event", "tool-calls"},
                   {"x-webhook-signature", "sha256=00"},
                   {"x-forwarded-for", "203.0.113.77"},
                   {"cookie", "session=1"}};
    out.body = std::move(body);
    if (reply) out.reply = RecordedReply{200, *std::move(reply)};
    return out;
}

std::string redacted(const Redaction& redaction, const std::string& body) {
    return redaction.redact(delivery(body)).value().body;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::vector<std::string> fixtures() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(FIXTURES)) {
        const std::string name = entry.path().filename();
        if (name.ends_with(".json") && name != "index.json" && name != "signatures.json")
            names.push_back(name);
    }
    return names;
}

TEST(Redaction, KeepsTheEventWhatItIs) {
    const Redaction redaction("key");
    ASSERT_GT(fixtures().size(), 40u);
    for (const std::string& name : fixtures()) {
        SCOPED_TRACE(name);
        const std::string original = test::fixture(name);
        const auto before = parse_event(original);
        ASSERT_TRUE(before);
        const std::string body = redacted(redaction, original);
        const auto after = parse_event(body);
        ASSERT_TRUE(after) << after.error().what() << body;
        EXPECT_EQ(after->type, before->type);
        EXPECT_EQ(after->dialect, before->dialect);
        EXPECT_EQ(after->direction, before->direction);
        EXPECT_EQ(after->status, before->status);
        EXPECT_EQ(after->sent_at, before->sent_at);
        EXPECT_EQ(after->caller.has_value(), before->caller.has_value());
        ASSERT_EQ(after->tool_calls.size(), before->tool_calls.size());
        for (std::size_t i = 0; i < after->tool_calls.size(); ++i) {
            EXPECT_EQ(after->tool_calls[i].name, before->tool_calls[i].name);
            EXPECT_EQ(after->tool_calls[i].arguments.has_value(),
                      before->tool_calls[i].arguments.has_value());
            EXPECT_NE(after->tool_calls[i].id, before->tool_calls[i].id);
        }
    }
}

TEST(Redaction, LeavesNothingOfWhoCalledAndWhatWasSaid) {
    const Redaction redaction("key");
    for (const std::string& name : fixtures()) {
        SCOPED_TRACE(name);
        const std::string original = test::fixture(name);
        const auto event = parse_event(original);
        const std::string body = redacted(redaction, original);
        for (const auto& text : {event->caller, event->called, event->called_name, event->error}) {
            EXPECT_FALSE(text && text->size() > 3 && has(body, *text)) << *text;
        }
        EXPECT_FALSE(!event->call_id.empty() && has(body, event->call_id));
        const auto summary = event->report ? event->report->summary : std::nullopt;
        EXPECT_FALSE(summary && summary->size() > 3 && has(body, *summary));
        for (const char* word :
             {"klant", "Klant", "Voorbeeld", "+316", "+3185", "EXAMPLE_TOKEN", "Flireo Demo"})
            EXPECT_FALSE(has(body, word)) << word << body;
    }
}

TEST(Redaction, ReplacesTheSameByTheSame) {
    const Redaction redaction("key"), other("another key");
    const std::string first = redacted(redaction, R"({"message":{"a":"+31612345678","b":["+31612345678"]}})");
    const std::string again = redacted(redaction, R"({"message":{"x":"+31612345678"}})");
    const auto number = first.substr(first.find("\"+"), 14);
    EXPECT_EQ(first, R"({"message":{"a":)" + number + R"(,"b":[)" + number + "]}}");
    EXPECT_EQ(again, R"({"message":{"x":)" + number + "}}");
    EXPECT_EQ(number.substr(0, 5), "\"+999");
    EXPECT_NE(redacted(other, R"({"message":{"x":"+31612345678"}})"), again);
    // However it is written.
    const std::string spaced = redacted(redaction, R"({"message":{"x":"+31 6 1234-5678"}})");
    std::string digits;
    for (const char c : spaced)
        if (c >= '0' && c <= '9') digits += c;
    EXPECT_EQ('+' + digits, number.substr(1, 12));
}

TEST(Redaction, ReadsJsonInStrings) {
    const Redaction redaction("key");
    const std::string body = redacted(
        redaction,
        R"({"message":{"type":"tool-calls","call":{"id":"c"},"toolCallList":[{"id":"t","function":{"name":"find",)"
        R"("arguments":"{\"name\":\"Jan Jansen\",\"n\":4}"}}]}})");
    const auto event = parse_event(body);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->tool_calls.at(0).name, "find");
    const auto arguments = event->tool_calls.at(0).arguments;
    ASSERT_TRUE(arguments);
    EXPECT_EQ(std::int64_t((*arguments)["n"]), 4);
    EXPECT_EQ(std::string_view((*arguments)["name"]).size(), std::string_view("Jan Jansen").size());
    EXPECT_FALSE(has(body, "Jan"));
}

TEST(Redaction, FindsTheNumberOfTheCallAlsoAmongNumbers) {
    const Redaction redaction("key");
    const std::string body = redacted(
        redaction,
        R"({"eventType":"status-update","eventTimestamp":1756368117035,"fromCaller":"+31601234567","x":31601234567})");
    EXPECT_FALSE(has(body, "31601234567")) << body;
    EXPECT_TRUE(has(body, "\"eventTimestamp\":1756368117035"));
}

TEST(Redaction, CleansHeadersPathAndReply) {
    const Redaction redaction("key");
    const auto out =
        redaction
            .redact(delivery(
                R"({"message":{"type":"x","call":{"id":"tool_1"}}})",
                R"({"results":[{"toolCallId":"tool_1","result":{"name":"Jan","age":41,"open":true}}]})"))
            .value();
    EXPECT_EQ(out.path, "/webhook");
    ASSERT_EQ(out.headers.size(), 7u);
    for (const auto& [name, value] : out.headers) {
        const bool kept = name == "content-type" || name == "x-webhook-event";
        EXPECT_EQ(!value.starts_with("redacted-"), kept) << name << ": " << value;
    }
    const auto body = Document::parse(out.body).value(), reply = Document::parse(out.reply->body).value();
    const auto result = reply.root()["results"].at(0);
    EXPECT_EQ(std::string_view(result["toolCallId"]), std::string_view(body.root()["message"]["call"]["id"]));
    EXPECT_EQ(std::int64_t(result["result"]["age"]), 41);
    EXPECT_TRUE(bool(result["result"]["open"]));
    EXPECT_FALSE(has(out.reply->body, "Jan"));
    EXPECT_EQ(redaction.redact(delivery("{}", "busy, Jan")).value().reply->body.size(), 9u);
    EXPECT_FALSE(redaction.redact(delivery("not JSON")));
}

}  // namespace
}  // namespace hookswitch
