#include "daemon/core/recording.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

TEST(ParseDelivery, ReadsEveryMember) {
    auto delivery = parse_delivery(
        R"({"received_at":"2026-01-09T14:56:48.123Z","source":"main","path":"/webhook","later":[1],)"
        R"("headers":{"x-webhook-event":"tool-calls","user-agent":"HMS-Sovereign/1.0"},)"
        R"("body":"{\"message\":{\"type\":\"tool-calls\"}}","reply":{"status":200,"body":"{\"results\":[]}"}})");
    ASSERT_TRUE(delivery) << delivery.error().what();
    ASSERT_TRUE(delivery->received_at);
    EXPECT_EQ(iso_time(*delivery->received_at), "2026-01-09T14:56:48.123Z");
    EXPECT_EQ(delivery->source, "main");
    EXPECT_EQ(delivery->path, "/webhook");
    const std::vector<std::pair<std::string, std::string>> headers{{"x-webhook-event", "tool-calls"},
                                                                   {"user-agent", "HMS-Sovereign/1.0"}};
    EXPECT_EQ(delivery->headers, headers);
    EXPECT_EQ(delivery->body, R"({"message":{"type":"tool-calls"}})");
    ASSERT_TRUE(delivery->reply);
    EXPECT_EQ(delivery->reply->status, 200);
    EXPECT_EQ(delivery->reply->body, R"({"results":[]})");
}

TEST(ParseDelivery, KeepsBodiesThatAreNotText) {
    struct {
        const char *base64, *bytes;
    } const cases[] = {
        {"", ""}, {"/w==", "\xff"}, {"e/8=", "{\xff"}, {"e/99", "{\xff}"}, {"e/99Cg==", "{\xff}\n"}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.base64);
        auto delivery = parse_delivery(std::string(R"({"body_base64":")") + c.base64 + R"("})");
        ASSERT_TRUE(delivery) << delivery.error().what();
        EXPECT_EQ(delivery->body, c.bytes);
        EXPECT_FALSE(delivery->reply);
    }
}

TEST(ParseDelivery, TakesABareBodyAsItIs) {
    for (const std::string body :
         {R"({"message": {"type":"status-update"}})", R"({ "eventType":"tool-calls" })"}) {
        auto delivery = parse_delivery(body);
        ASSERT_TRUE(delivery) << delivery.error().what();
        EXPECT_EQ(delivery->body, body);
        EXPECT_EQ(delivery->path, "");
    }
}

TEST(ParseDelivery, SaysWhatIsWrongAndWhere) {
    struct {
        const char *line, *error;
    } const cases[] = {
        {R"({"body":oops})", "body:1:9: "},
        {R"([])", "body: expected object, found array"},
        {R"({"received_at":"now"})",
         "neither a recorded delivery (no `body`) nor a webhook body (no `message`)"},
        {R"({"body":{}})", "body: expected string, found object"},
        {R"({"body_base64":"e/8"})", "body_base64: not base64"},
        {R"({"body_base64":"e/8 "})", "body_base64: not base64"},
        {R"({"body":"","received_at":"9 January"})",
         "received_at: not a time such as 2026-01-09T14:56:48.123Z"},
        {R"({"body":"","path":1})", "path: expected string, found number"},
        {R"({"body":"","headers":{"x-a":1}})", "headers.x-a: expected string, found number"},
        {R"({"body":"","reply":{}})", "reply.status: missing"},
        {R"({"body":"","reply":{"status":99}})", "reply.status: not an HTTP status"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.line);
        auto delivery = parse_delivery(c.line);
        ASSERT_FALSE(delivery);
        EXPECT_EQ(delivery.error(), Errc::malformed_body);
        EXPECT_EQ(delivery.error().what().substr(0, std::string_view(c.error).size()), c.error);
    }
}

TEST(FirstDifference, IsNoneForTheSameValue) {
    struct {
        const char *recorded, *got;
    } const cases[] = {
        {"", ""},
        {"not JSON", "not JSON"},
        {R"({"a":1,"b":[true,null,"x"]})", R"( { "b" : [ true, null, "x" ], "a" : 1.0 } )"},
        {R"("\u00e9")", "\"\xc3\xa9\""},
        {"[18446744073709551615]", "[18446744073709551615]"},
        {"[]", "[ ]"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.recorded);
        EXPECT_FALSE(first_difference({200, c.recorded}, {200, c.got}));
    }
}

TEST(FirstDifference, NamesThePlaceAndBothValues) {
    struct {
        RecordedReply recorded, got;
        const char *where, *was, *is;
    } const cases[] = {
        {{200, "{}"}, {503, "{}"}, "status", "200 {}", "503 {}"},
        {{200, R"({"results":[{"id":1},{"result":{"name":"Jan"}}]})"},
         {200, R"({"results":[{"id":1},{"result":{"name":"Piet"}}]})"},
         "reply.results[1].result.name",
         R"("Jan")",
         R"("Piet")"},
        {{200, R"({"a":1,"b":2})"}, {200, R"({"a":1})"}, "reply.b", "2", "(absent)"},
        {{200, R"({"a":1})"}, {200, R"({"b":2,"a":1})"}, "reply.b", "(absent)", "2"},
        {{200, R"({"a":null})"}, {200, "{}"}, "reply.a", "null", "(absent)"},
        {{200, "[1,2]"}, {200, "[1]"}, "reply[1]", "2", "(absent)"},
        {{200, "[1]"}, {200, "[1,2]"}, "reply[1]", "(absent)", "2"},
        {{200, R"(["1"])"}, {200, "[1]"}, "reply[0]", R"("1")", "1"},
        {{200, "9007199254740993"},
         {200, "9007199254740992"},
         "reply",
         "9007199254740993",
         "9007199254740992"},
        {{200, "[true]"}, {200, "[false]"}, "reply[0]", "true", "false"},
        {{200, "{}"}, {200, "oops"}, "reply", "{}", "oops"},
        {{200, "a\nb"}, {200, ""}, "reply", R"("a\nb")", ""},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.where + std::string(": ") + c.was);
        auto found = first_difference(c.recorded, c.got);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->where, c.where);
        EXPECT_EQ(found->recorded, c.was);
        EXPECT_EQ(found->got, c.is);
    }
}

TEST(OneLine, CutsBetweenCharacters) {
    EXPECT_EQ(one_line("abc", 3), "abc");
    EXPECT_EQ(one_line("abcd", 3), "abc…");
    EXPECT_EQ(one_line("a\xc3\xa9\xc3\xa9", 4), "a\xc3\xa9…");
    EXPECT_EQ(one_line("a\xc3\xa9z", 3), "a\xc3\xa9…");
    EXPECT_EQ(one_line("a\x1b[2J"), R"("a\u001b[2J")");
}

}  // namespace
}  // namespace hookswitch
