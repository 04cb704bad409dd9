#include "daemon/core/event.hpp"

#include "daemon/core/invocation.hpp"
#include "tests/support/base64.hpp"
#include "tests/support/fixtures.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;
using namespace std::chrono_literals;

// What the index expects of a member, in the form that show() gives a value of ours.
std::string expected(dom::element fixture, std::string_view key) {
    dom::element value;
    if (fixture["expected"][key].get(value)) return "null";
    std::string text;
    append_json(text, value);
    return text;
}

std::string show(std::optional<std::string_view> text) { return text ? json_string(*text) : "null"; }
std::string show(dom::element value) {
    std::string text;
    append_json(text, value);
    return text;
}
std::string show(std::optional<dom::element> value) { return value ? show(*value) : "null"; }

std::string tools_of(const Event& event) {
    std::string out = "[";
    for (const ToolCall& call : event.tool_calls) {
        out += out.size() > 1 ? "," : "";
        out += "{\"id\":" + json_string(call.id) + ",\"name\":" + json_string(call.name) +
               ",\"arguments\":" + show(call.arguments) + "}";
    }
    return out + "]";
}

std::string expected_tools(dom::element fixture) {
    std::string out = "[";
    for (dom::element tool : fixture["expected"]["tools"].get_array()) {
        out += out.size() > 1 ? "," : "";
        out += "{\"id\":" + show(tool["id"].value()) + ",\"name\":" + show(tool["name"].value()) +
               ",\"arguments\":" + show(tool["arguments"].value()) + "}";
    }
    return out + "]";
}

void expect_report(const Event& event, dom::element fixture) {
    ASSERT_TRUE(event.report);
    const Report& report = *event.report;
    EXPECT_EQ(show(report.duration_seconds), expected(fixture, "duration_seconds"));
    EXPECT_EQ(show(report.summary), expected(fixture, "summary"));
    EXPECT_EQ(show(report.analysis), expected(fixture, "analysis"));
    EXPECT_EQ(show(report.recording_url), expected(fixture, "recording_url"));
    EXPECT_EQ(show(report.transcript_text), expected(fixture, "transcript_text"));
    EXPECT_EQ(show(report.started_at), expected(fixture, "started_at"));
    EXPECT_EQ(show(report.ended_at), expected(fixture, "ended_at"));
    EXPECT_EQ(show(event.end_reason), expected(fixture, "end_reason"));
    dom::array messages;
    const bool has_messages = report.messages && !report.messages->get(messages);
    EXPECT_EQ(has_messages ? std::to_string(messages.size()) : "null", expected(fixture, "message_count"));
}

TEST(ParseEvent, NormalisesEveryFixtureAsTheIndexSays) {
    dom::parser parser;
    const dom::element index = test::json_fixture(parser, "index.json");
    std::size_t seen = 0;
    for (dom::element fixture : index["fixtures"].get_array()) {
        const std::string file(fixture["file"].get_string().value());
        SCOPED_TRACE(file);
        ++seen;
        auto event = parse_event(test::fixture(file));
        ASSERT_TRUE(event) << event.error().what();
        EXPECT_EQ(event->type, fixture["event_type"].get_string().value());
        const std::string_view detected = fixture["detected_dialect"].get_string();
        EXPECT_EQ(event->dialect_undetermined ? "undetermined" : name_of(event->dialect), detected);
        EXPECT_EQ(event->call_id.empty() ? "null" : json_string(event->call_id),
                  expected(fixture, "call_id"));
        EXPECT_EQ(show(event->direction), expected(fixture, "call_type"));
        EXPECT_EQ(show(event->status), expected(fixture, "call_status"));
        EXPECT_EQ(show(event->pipeline), expected(fixture, "pipeline"));
        EXPECT_EQ(show(event->caller), expected(fixture, "caller_number"));
        EXPECT_EQ(show(event->called), expected(fixture, "called_number"));
        EXPECT_EQ(show(event->called_name), expected(fixture, "number_name"));
        if (expected(fixture, "phone_number_id") != "null") {
            EXPECT_EQ(show(event->phone_number_id), expected(fixture, "phone_number_id"));
        }
        EXPECT_EQ(show(event->error), expected(fixture, "error"));
        EXPECT_EQ(show(event->metadata), expected(fixture, "metadata"));
        EXPECT_EQ(event->sent_at ? std::to_string(event->sent_at->time_since_epoch().count()) : "null",
                  expected(fixture, "timestamp_ms"));
        if (event->kind == EventKind::tool_calls) {
            EXPECT_EQ(tools_of(*event), expected_tools(fixture));
        }
        if (event->kind == EventKind::end_of_call_report) expect_report(*event, fixture);
    }
    EXPECT_EQ(seen, std::uint64_t(index["count"]));
}

TEST(ParseEvent, RefusesEveryMalformedBodyOfTheIndex) {
    dom::parser parser;
    const dom::element index = test::json_fixture(parser, "index.json");
    for (dom::element bad : index["negative_bodies"].get_array()) {
        SCOPED_TRACE(std::string(bad["name"].get_string().value()));
        std::string_view text;
        const std::string body = bad["body"].get(text)
                                     ? test::from_base64(bad["body_base64"].get_string().value())
                                     : std::string(text);
        auto event = parse_event(body);
        ASSERT_FALSE(event);
        EXPECT_EQ(event.error(), Errc::malformed_body);
    }
}

TEST(ParseEvent, NamesThePlaceOfEveryMistake) {
    struct {
        std::string_view body, error;
    } const cases[] = {
        {R"([])", "body: expected object, found array"},
        {R"({})", "message: missing"},
        {R"({"message":"x"})", "message: expected object, found string"},
        {R"({"message":{}})", "message.type: missing"},
        {R"({"message":{"type":7}})", "message.type: expected string, found number"},
        {R"({"message":{"type":"a","type":"b"}})", "message.type: given twice"},
        {R"({"message":{"type":"a"},"message":{}})", "message: given twice"},
        {R"({"message":{"type":"tool-calls"}})", "message.tool_call_list: missing"},
        {R"({"message":{"type":"tool-calls","toolCallList":{}}})",
         "message.toolCallList: expected array, found object"},
        {R"({"message":{"type":"tool-calls","toolCallList":[{"id":"a","function":{"name":"b"}},{"id":3,"function":{"name":"c"}}]}})",
         "message.toolCallList[1].id: expected string, found number"},
        {R"({"message":{"type":"tool-calls","tool_call_list":[{"id":"a","function":{}}]}})",
         "message.tool_call_list[0].function.name: missing"},
        {R"({"eventType":"tool-calls","tasksInitiated":[{"taskName":"x"}]})",
         "tasksInitiated[0].taskId: missing"},
        {"{\"message\":\n  {\"type\" \"x\"}}", "body:2:11: "},
        {"{\"message\":{}} x", "body:1:16: "},
        {"{\"message\":{\"a\":[1,2,}}", "body:1:22: "},
        {"{\"message\":{\"a\":tru}}", "body:1:17"},
        {"{\"message\":{\"a\":01}}", "body:1:17: "},
        {"{\"message\":[n]}", "body:1:13: "},
        {"{\"message\":\"unclosed", "body: "},
        {"\xff", "body: "},
        {"", "body: "},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.body);
        auto event = parse_event(c.body);
        ASSERT_FALSE(event);
        EXPECT_EQ(event.error(), Errc::malformed_body);
        EXPECT_EQ(event.error().what().substr(0, c.error.size()), c.error);
    }
}

TEST(ParseEvent, TakesUnknownAndMistypedMembersForUnknown) {
    auto event =
        parse_event(R"({"message":{"type":"assistant.speechStarted","call":7,"customer":{"number":31},
        "phone_number":[],"timestamp":true,"assistant":"x","future":{"a":[1]}}})");
    ASSERT_TRUE(event) << event.error().what();
    EXPECT_EQ(event->kind, EventKind::other);
    EXPECT_EQ(event->type, "assistant.speechStarted");
    EXPECT_EQ(event->call_id, "");
    EXPECT_EQ(event->caller, std::nullopt);
    EXPECT_EQ(event->sent_at, std::nullopt);
}

TEST(ParseEvent, UndeterminedBodiesGetTheConfiguredDialect) {
    const std::string body = test::fixture("snake-status-update-undetermined.json");
    EXPECT_EQ(parse_event(body, Dialect::camel)->dialect, Dialect::camel);
    EXPECT_EQ(parse_event(body)->dialect, Dialect::snake);
}

TEST(ParseEvent, RefusesNestingThatWouldTakeTheStack) {
    auto event = parse_event(std::string(1 << 20, '['));
    ASSERT_FALSE(event);
    EXPECT_EQ(event.error(), Errc::malformed_body);
}

Invocation invocation_of(Event event) {
    Invocation invocation;
    invocation.id = "01J";
    invocation.event = std::make_shared<const Event>(std::move(event));
    if (!invocation.event->tool_calls.empty()) invocation.tool_call = &invocation.event->tool_calls[0];
    invocation.source = "main";
    invocation.received_at = std::chrono::sys_days(2025y / 12 / 13) + 12h + 1500ms;
    return invocation;
}

TEST(Invocation, IsTheEventOfTheContractWithEveryKey) {
    auto event = parse_event(test::fixture("camel-tool-calls-single.json"));
    ASSERT_TRUE(event);
    EXPECT_EQ(
        to_json(invocation_of(*std::move(event)), 1, 7980ms),
        R"({"id":"01J","type":"tool-calls","source":"main","dialect":"camel",)"
        R"("sent_at":"2025-12-13T12:00:00.000Z","received_at":"2025-12-13T12:00:01.500Z","attempt":1,)"
        R"("deadline_ms":7980,"call":{"id":"5c4d030f-43e3-4e65-899e-8148521e660f","direction":"inbound",)"
        R"("status":"in-progress","pipeline":null},"caller":"+31612345678","called":"+31850835037",)"
        R"("called_name":"Flireo Demo","tool_call":{"id":"tool_abc123def456","name":"lookup_contact",)"
        R"("arguments":{"query":"Voorbeeld Klant"}},"report":null,"error":null,"end_reason":null,)"
        R"("metadata":{},"assistant":{}})");
}

TEST(Invocation, WritesMillisecondTimesAsIsoAndNullWhereUnknown) {
    auto event =
        parse_event(R"({"eventType":"status-update","eventTimestamp":1756368117035,"status":"ended"})");
    ASSERT_TRUE(event);
    EXPECT_EQ(to_json(invocation_of(*std::move(event)), 2, 0ms),
              R"({"id":"01J","type":"status-update","source":"main","dialect":"legacy",)"
              R"("sent_at":"2025-08-28T08:01:57.035Z","received_at":"2025-12-13T12:00:01.500Z","attempt":2,)"
              R"("deadline_ms":0,"call":{"id":null,"direction":null,"status":"ended","pipeline":null},)"
              R"("caller":null,"called":null,"called_name":null,"tool_call":null,"report":null,"error":null,)"
              R"("end_reason":null,"metadata":{},"assistant":{}})");
}

TEST(Invocation, SpellsTheEchoedAssistantInSnakeCase) {
    auto event = parse_event(R"({"message":{"type":"x","phoneNumber":{},"assistant":{"firstMessage":"Hi",
        "tts_config":{"voiceId":"v"},"metadata":{"firstMessage":"mine"}}}})");
    ASSERT_TRUE(event);
    const std::string text = to_json(invocation_of(*std::move(event)), 1, 0ms);
    EXPECT_NE(text.find(R"("assistant":{"first_message":"Hi","tts_config":{"voice_id":"v"},)"
                        R"("metadata":{"firstMessage":"mine"}}})"),
              std::string::npos)
        << text;
}

TEST(EventId, IsUniqueAndSortsByTime) {
    const auto now = std::chrono::system_clock::time_point(1'700'000'000s);
    std::string last = new_event_id(now);
    EXPECT_EQ(last.size(), 26u);
    for (int i = 0; i < 1000; ++i) {
        const std::string next = new_event_id(now + std::chrono::milliseconds(i / 100));
        ASSERT_LT(last, next);
        last = next;
    }
}

}  // namespace
}  // namespace hookswitch
