#include "daemon/simulator/scenario.hpp"

#include "daemon/simulator/expectation.hpp"
#include "daemon/simulator/play_faults.hpp"
#include "daemon/simulator/tool_definition.hpp"
#include "daemon/simulator/webhook_answer.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace hookswitch::simulator {
namespace {

using namespace std::chrono_literals;
using Kind = Step::Kind;

std::string mistakes(std::string_view text) {
    const auto scenario = parse_scenario(text, "s.toml");
    return scenario ? "none" : scenario.error().what();
}

TEST(Scenario, IsReadWhole) {
    const auto read = parse_scenario(R"(
name = "all of it"
direction = "outbound"
dialect = "late"
caller = "+31850835037"
called = "+3161234####"
number_name = "Demo"
pipeline = "standard"
webhook_events = ["tool-calls"]
assistant = { firstMessage = "Hallo" }
rings = "300ms"
max_duration = "5m"
report = false
step = [
    { user = "Hello" },
    { assistant = "Hi" },
    { tools = [{ name = "a", arguments = { x = 1 } }, { name = "b", async = true, url = "http://127.0.0.1/b" }] },
    { wait = "2s" },
    { await = "command" },
    { await = "say", within = "1s" },
    { max_duration = true },
    { error = "STT connection failed" },
    { hangup = true },
]
[expect]
reply = { assistant = { first_message = "Hi" } }
tool_results = { a = "text" }
said = "Hi"
status = "ended"
deliveries = 0
)",
                                     "s.toml");
    ASSERT_TRUE(read) << read.error().what();
    EXPECT_EQ(read->name, "all of it");
    EXPECT_EQ(read->dialect, (WebhookDialect{Dialect::snake, true}));
    EXPECT_EQ(read->webhook_events, std::vector<std::string>{"tool-calls"});
    EXPECT_EQ(read->assistant, R"({"firstMessage":"Hallo"})");
    EXPECT_EQ(read->max_duration, 5min);
    EXPECT_EQ(read->report, false);
    ASSERT_EQ(read->steps.size(), 9u);
    const std::vector<Kind> kinds{Kind::user,  Kind::assistant,    Kind::tools, Kind::wait,  Kind::await,
                                  Kind::await, Kind::max_duration, Kind::error, Kind::hangup};
    for (std::size_t i = 0; i < kinds.size(); ++i) EXPECT_EQ(read->steps[i].kind, kinds[i]) << i;
    EXPECT_EQ(read->steps[2].tools[0].arguments, R"({"x":1})");
    EXPECT_TRUE(read->steps[2].tools[1].async);
    EXPECT_EQ(read->steps[2].tools[1].url, "http://127.0.0.1/b");
    EXPECT_EQ(read->steps[3].time, 2s);
    EXPECT_EQ(read->steps[4].text, "");
    EXPECT_EQ(read->steps[5].text, "say");
    EXPECT_EQ(read->steps[5].time, 1s);
    EXPECT_EQ(read->expect.reply, R"({"assistant":{"first_message":"Hi"}})");
    EXPECT_EQ(read->expect.deliveries, 0u);
}

TEST(Scenario, EveryMistakeWithItsPlace) {
    EXPECT_EQ(mistakes(R"(directon = "inbound"
dialect = "klingon"
webhook_events = ["tool-call"]

[[step]]
user = "Hello"
wait = "2s"

[[step]]
wait = 2

[[step]]
tools = []

[[step]]
within = "1s"

[expect]
stats = "ended"
)"),
              "s.toml:1:1: called: missing\n"
              "s.toml:1:1: directon: unknown key; did you mean 'direction'?\n"
              "s.toml:2:11: dialect: 'klingon' is not one of: camel, snake, late, legacy\n"
              "s.toml:3:19: webhook_events[0]: 'tool-call' is not one of: assistant-request, tool-calls, "
              "status-update, end-of-call-report\n"
              "s.toml:7:8: step[0].wait: a step is one thing: 'user' is another one\n"
              "s.toml:10:8: step[1].wait: expected duration such as \"250ms\" or \"7s\", found integer\n"
              "s.toml:13:9: step[2].tools: must not be empty\n"
              "s.toml:15:1: step[3].: a step has one of: user, assistant, tools, wait, await, hangup, "
              "max_duration, error\n"
              "s.toml:16:1: step[3].within: unknown key; known here: user, assistant, tools, wait, await, "
              "hangup, max_duration, error\n"
              "s.toml:19:1: expect.stats: unknown key; did you mean 'status'?");
}

TEST(Scenario, NumbersOfDirections) {
    EXPECT_EQ(mistakes("direction = \"web\"\ncaller = \"+31\"\n"),
              "s.toml:2:10: caller: a web call has no numbers");
    EXPECT_EQ(mistakes("direction = \"outbound\"\ncalled = \"+31\"\n"), "s.toml:1:1: caller: missing");
    EXPECT_EQ(mistakes("direction = \"inbound\"\ncalled = \"+31\"\n"), "none");  // withheld
}

TEST(Scenario, BrokenTomlIsAMistakeToo) {
    EXPECT_TRUE(mistakes("called = ").starts_with("s.toml:1:")) << mistakes("called = ");
}

TEST(Scenario, EveryOneOfTheProjectIsSound) {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(FIXTURES "/../../config/scenarios")) {
        const auto scenario = load_scenario(file.path());
        EXPECT_TRUE(scenario) << scenario.error().what();
        names.insert(file.path().stem().string());
    }
    for (const char* name : {"inbound-camel", "inbound-snake", "inbound-late", "inbound-legacy", "transfer"})
        EXPECT_TRUE(names.contains(name)) << name;
}

TEST(Numbered, ReplacesEachHash) {
    EXPECT_EQ(numbered("+3161234####", 7), "+31612340007");
    EXPECT_EQ(numbered("+316##", 1234), "+31634");
    EXPECT_EQ(numbered("+31612345678", 3), "+31612345678");
}

// ---- what the platform takes from answers -----------------------------------------------------------

AssistantAnswer taken(std::string_view body) {
    const auto answer = read_assistant_answer(body);
    EXPECT_TRUE(answer) << answer.error().what();
    return answer ? *answer : AssistantAnswer{};
}

TEST(AssistantAnswer, InEveryForm) {
    EXPECT_EQ(name_of(taken("{}").kind), "default");
    EXPECT_EQ(name_of(taken(R"({"maxDurationSeconds":30})").kind), "default");
    EXPECT_EQ(taken(R"({"maxDurationSeconds":30})").max_duration, 30s);

    const auto camel = taken(R"({"assistant":{"firstMessage":"Hallo","tts_config":{"voiceId":"x"},
        "analysisPlan":{"minMessagesThreshold":3}},"maxDurationSeconds":300})");
    EXPECT_EQ(name_of(camel.kind), "assistant");
    EXPECT_EQ(camel.changes, R"({"first_message":"Hallo","tts_config":{"voice_id":"x"},)"
                             R"("analysis_plan":{"min_messages_threshold":3}})");

    const auto hybrid = taken(R"({"assistant_id":"17a0","assistant_override":{"first_message":"Hi",
        "max_duration_seconds":60},"max_duration_seconds":90})");
    EXPECT_EQ(name_of(hybrid.kind), "hybrid");
    EXPECT_EQ(hybrid.assistant_id, "17a0");
    EXPECT_EQ(hybrid.max_duration, 60s);

    const auto rejected = taken(R"({"error":"Closed.","assistant":{}})");
    EXPECT_EQ(name_of(rejected.kind), "rejected");
    EXPECT_EQ(rejected.error, "Closed.");

    EXPECT_FALSE(read_assistant_answer("[]"));
    EXPECT_FALSE(read_assistant_answer("<html>"));
    EXPECT_FALSE(read_assistant_answer(""));
}

TEST(AssistantAnswer, AWebhookOfItsOwnIsNotEchoed) {
    const auto answer = taken(R"({"assistant":{"webhook_url":"http://127.0.0.1/x","webhook_secret":"s",
        "webhook_events":["tool-calls"],"metadata":{"webhook_url":"kept"}}})");
    EXPECT_EQ(answer.webhook_url, "http://127.0.0.1/x");
    EXPECT_EQ(answer.webhook_secret, "s");
    EXPECT_EQ(answer.webhook_events, std::vector<std::string>{"tool-calls"});
    EXPECT_EQ(answer.changes, R"({"metadata":{"webhook_url":"kept"}})");
}

TEST(AssistantAnswer, MergesShallowly) {
    EXPECT_EQ(merged_assistant(R"({"a":1,"tts_config":{"voice_id":"x","model":"m"},"c":3})",
                               R"({"tts_config":{"voice_id":"y"},"d":4})"),
              R"({"a":1,"tts_config":{"voice_id":"y"},"c":3,"d":4})");
    EXPECT_EQ(merged_assistant("{}", R"({"d":4})"), R"({"d":4})");
    EXPECT_EQ(merged_assistant(R"({"a":1})", ""), R"({"a":1})");
}

TEST(AssistantAnswer, AnalysisFromAThreshold) {
    const std::string plan = R"({"analysis_plan":{"structured_data_plan":{"enabled":true}}})";
    EXPECT_TRUE(wants_analysis(plan, 2));
    EXPECT_FALSE(wants_analysis(plan, 1));
    EXPECT_FALSE(wants_analysis("{}", 9));
    EXPECT_FALSE(wants_analysis(R"({"analysis_plan":{"structured_data_plan":{"enabled":false}}})", 9));
    EXPECT_FALSE(wants_analysis(R"({"analysis_plan":{"min_messages_threshold":9}})", 8));
}

TEST(ToolAnswer, InEveryFormat) {
    const std::vector<ToolUse> one{{"t1", "a", ""}};
    const std::vector<ToolUse> two{{"t1", "a", ""}, {"t2", "b", ""}};
    struct Case {
        Dialect dialect;
        std::string_view body;
        const std::vector<ToolUse>* tools;
        std::vector<std::string> results;
        bool error = false;
    };
    const std::vector<Case> cases{
        {Dialect::camel, R"({"results":[{"toolCallId":"t1","result":{"x":1}}]})", &one, {R"({"x":1})"}},
        {Dialect::legacy, R"({"results":[{"toolCallId":"t1","result":"text"}]})", &one, {R"("text")"}},
        {Dialect::snake,
         R"({"results":[{"tool_call_id":"t2","result":2},{"tool_call_id":"t1","result":1}]})",
         &two,
         {"1", "2"}},
        {Dialect::snake, R"({"result":{"x":1}})", &one, {R"({"x":1})"}},
        {Dialect::snake,
         R"({"name":"Jan","email":"j@example.com"})",
         &one,
         {R"({"name":"Jan","email":"j@example.com"})"}},
        {Dialect::snake, R"({"error":"Contact not found"})", &one, {R"("Contact not found")"}, true},
        {Dialect::snake,
         R"({"results":[{"tool_call_id":"t1","result":{"error":"no"}}]})",
         &one,
         {R"({"error":"no"})"},
         true},
        // The other dialect's key does not name a call.
        {Dialect::snake,
         R"({"results":[{"toolCallId":"t1","result":1}]})",
         &one,
         {R"("The tool gave no result.")"},
         true},
        {Dialect::camel, "[]", &one, {R"("The tool gave an unusable answer.")"}, true},
        {Dialect::camel, "busy", &one, {R"("The tool gave an unusable answer.")"}, true},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.body);
        const auto outcomes = read_tool_answer(c.dialect, c.body, *c.tools);
        ASSERT_EQ(outcomes.size(), c.results.size());
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            EXPECT_EQ(outcomes[i].result, c.results[i]);
            EXPECT_EQ(outcomes[i].error, c.error);
        }
    }
}

TEST(ToolDefinition, FlatAndNested) {
    const std::string_view assistant = R"({"llm_config":{"tools":[
        {"name":"flat","url":"http://a/","server":{"url":"http://b/","secret":"s"},"async":true,
         "async_response":"On my way."},
        {"type":"function","function":{"name":"nested"},"server":{"url":"http://c/"},"message":"One moment."},
        {"type":"end_call"}, 7]}})";
    const auto flat = tool_definition(assistant, "flat");
    EXPECT_TRUE(flat.async);
    EXPECT_EQ(flat.url, "http://a/");
    EXPECT_EQ(flat.secret, "s");
    EXPECT_EQ(flat.message, "On my way.");
    const auto nested = tool_definition(assistant, "nested");
    EXPECT_FALSE(nested.async);
    EXPECT_EQ(nested.url, "http://c/");
    EXPECT_EQ(nested.secret, std::nullopt);
    EXPECT_EQ(nested.message, "One moment.");
    for (const std::string_view none : {"{}", "", R"({"llm_config":{"tools":{}}})"})
        EXPECT_EQ(tool_definition(none, "flat").url, std::nullopt);
}

// ---- --compare --------------------------------------------------------------------------------------

TEST(Expectation, NamesEveryDifference) {
    Expected expected;
    expected.configuration = "assistant";
    expected.reply = R"({"assistant":{"first_message":"Hi"}})";
    expected.tool_results = R"({"a":{"x":1},"b":"text"})";
    expected.said = {"One.", "Two."};
    expected.injected = {"Code 4821."};
    expected.transferred_to = "+31201234567";
    expected.status = "transferred";
    expected.end_reason = "transferred";
    expected.deliveries = 5;

    CallRecord call;
    call.status = "ended";
    call.end_reason = "user_hangup";
    call.messages = {{"assistant", "Two."}, {"assistant", "One."}, {"system", "Code 1."}};
    Played played;
    played.configuration = "default";
    played.reply = R"({"assistant":{"first_message":"Hello","metadata":{}}})";
    played.tool_results = {{"a", R"({"x":2,"y":1})"}};
    played.deliveries = 4;
    EXPECT_EQ(
        differences(expected, call, played),
        (std::vector<std::string>{
            "configuration: expected assistant, got default",
            R"(reply.assistant.first_message: expected "Hi", got "Hello")",
            "tool_results.a.x: expected 1, got 2", R"(tool_results.b: expected "text", got nothing)",
            "said: missing: Two.", "injected: missing: Code 4821.",
            "transferred_to: expected +31201234567, got nothing", "status: expected transferred, got ended",
            "end_reason: expected transferred, got user_hangup", "deliveries: expected 5, got 4"}));

    call.status = call.end_reason.emplace("transferred");
    call.transferred_to = "+31201234567";
    call.messages = {{"assistant", "One."}, {"user", "x"}, {"system", "Code 4821."}, {"assistant", "Two."}};
    played = {R"({"assistant":{"first_message":"Hi","more":1}})",
              "assistant",
              {{"b", R"("text")"}, {"a", R"({"x":1.0})"}},
              5};
    EXPECT_EQ(differences(expected, call, played), std::vector<std::string>{});
}

TEST(Expectation, SubsetsOfJson) {
    const auto missing = [](std::string_view expected, std::string_view actual) {
        return missing_from(expected, actual, "x").value_or("nothing");
    };
    EXPECT_EQ(missing("{}", R"({"a":1})"), "nothing");
    EXPECT_EQ(missing(R"({"a":[1,{"b":2}]})", R"({"a":[1,{"b":2,"c":3}]})"), "nothing");
    EXPECT_EQ(missing(R"({"a":[1]})", R"({"a":[1,2]})"), "x.a: expected [1], got [1,2]");
    EXPECT_EQ(missing(R"({"a":null})", "{}"), "x.a: expected null, got nothing");
    EXPECT_EQ(missing(R"("1")", "1"), R"(x: expected "1", got 1)");
    EXPECT_EQ(missing("{}", ""), "x: expected {}, got nothing");
}

TEST(Expectation, TheWholeReply) {
    Expected expected;
    expected.reply_exactly = "{}";
    Played played;
    played.reply = R"({"max_duration_seconds":5})";
    EXPECT_EQ(differences(expected, {}, played).size(), 1u);
    played.reply = " { } ";
    EXPECT_TRUE(differences(expected, {}, played).empty());
}

// ---- faults -----------------------------------------------------------------------------------------

TEST(DeliveryFault, IsReadOrRefused) {
    DeliveryFaults faults;
    EXPECT_TRUE(add_delivery_fault(faults, "duplicate=5%"));
    EXPECT_TRUE(add_delivery_fault(faults, "drop"));
    EXPECT_TRUE(add_delivery_fault(faults, "delay=12.5%:2s"));
    EXPECT_TRUE(add_delivery_fault(faults, "wrong-signature=0%"));
    EXPECT_DOUBLE_EQ(faults.duplicate, 0.05);
    EXPECT_DOUBLE_EQ(faults.drop, 1);
    EXPECT_DOUBLE_EQ(faults.delay, 0.125);
    EXPECT_EQ(faults.delay_by, 2s);
    for (const char* wrong : {"", "dupe=5%", "duplicate=", "duplicate=5", "duplicate=101%", "duplicate=-1%",
                              "duplicate=nan%", "delay=5%", "delay=5%:2", "drop=5%%"})
        EXPECT_FALSE(add_delivery_fault(faults, wrong)) << wrong;
    EXPECT_TRUE(is_delivery_fault("reorder=1%"));
    EXPECT_FALSE(is_delivery_fault("rest-429=1%"));
}

}  // namespace
}  // namespace hookswitch::simulator
