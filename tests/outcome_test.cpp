#include "daemon/core/outcome.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

constexpr std::string_view kReply =
    R"({"assistant":{"first_message":"Hi","tts_config":{"voice_id":"v","model":"m"},)"
    R"("llm_config":{"tools":[{"name":"t","async_response":"wait",)"
    R"("parameters":{"first_message":"mine"}}]},)"
    R"("analysis_plan":{"structured_data_plan":{"schema":{"voice_id":"mine"}},)"
    R"("min_messages_threshold":2},"metadata":{"first_message":"mine"},)"
    R"("silence_timeout_seconds":9},"max_duration_seconds":300})";

TEST(AssistantReply, LeavesSnakeCaseAlone) {
    EXPECT_EQ(assistant_reply(Dialect::snake, kReply).value(), kReply);
}

TEST(AssistantReply, SpellsEveryKeyOfTheFieldMapInCamelCase) {
    EXPECT_EQ(
        assistant_reply(Dialect::camel, kReply).value(),
        R"({"assistant":{"firstMessage":"Hi","tts_config":{"voiceId":"v","model":"m"},)"
        R"("llm_config":{"tools":[{"name":"t","asyncResponse":"wait","parameters":{"first_message":"mine"}}]},)"
        R"("analysisPlan":{"structuredDataPlan":{"schema":{"voice_id":"mine"}},"minMessagesThreshold":2},)"
        R"("metadata":{"first_message":"mine"},"silence_timeout_seconds":9},"maxDurationSeconds":300})");
}

TEST(AssistantReply, TakesCamelCaseForSnakeCaseToo) {
    const auto camel = assistant_reply(Dialect::camel, kReply).value();
    EXPECT_EQ(assistant_reply(Dialect::snake, camel).value(), kReply);
}

TEST(AssistantReply, NamesTheBlocksOfTheLegacyDialectAndMovesTheLimitIntoTheAssistant) {
    EXPECT_EQ(
        assistant_reply(Dialect::legacy, kReply).value(),
        R"({"assistant":{"firstMessage":"Hi","voice":{"voiceId":"v","model":"m"},)"
        R"("model":{"tools":[{"name":"t","asyncResponse":"wait","parameters":{"first_message":"mine"}}]},)"
        R"("analysisPlan":{"structuredDataPlan":{"schema":{"voice_id":"mine"}},"minMessagesThreshold":2},)"
        R"("metadata":{"first_message":"mine"},"silence_timeout_seconds":9,"maxDurationSeconds":300}})");
    EXPECT_EQ(assistant_reply(Dialect::legacy, R"({"max_duration_seconds":5})").value(),
              R"({"assistant":{"maxDurationSeconds":5}})");
    EXPECT_EQ(assistant_reply(Dialect::legacy, R"({"error":"closed"})").value(), R"({"error":"closed"})");
    EXPECT_EQ(assistant_reply(Dialect::legacy, "{}").value(), "{}");
}

TEST(AssistantReply, RefusesWhatIsNotAnObject) {
    EXPECT_EQ(assistant_reply(Dialect::snake, "[]").error().what(), "reply is not a JSON object");
    EXPECT_EQ(assistant_reply(Dialect::camel, "{").error().what(), "reply is not JSON");
}

TEST(ToolResult, IsTheResultOrTheErrorThatTheModelCanRead) {
    struct {
        Dialect dialect;
        std::string_view reply, result;
    } const cases[] = {
        {Dialect::camel, R"({"result":{"a":[1, 2]}})", R"({"a":[1,2]})"},
        {Dialect::snake, R"({"result":"text"})", R"("text")"},
        {Dialect::snake, R"({"result":null})", "null"},
        {Dialect::camel, R"({"error":"no such contact"})", R"({"error":"no such contact"})"},
        {Dialect::camel, R"({"result":1,"error":null})", "1"},
        {Dialect::legacy, R"({"result":"text"})", R"("text")"},
        {Dialect::legacy, R"({"result":{"a":"b"}})", R"("{\"a\":\"b\"}")"},
        {Dialect::legacy, R"({"error":"no"})", R"("{\"error\":\"no\"}")"},
        {Dialect::legacy, R"({"result":7})", R"("7")"},
    };
    for (const auto& c : cases) EXPECT_EQ(tool_result(c.dialect, c.reply).value(), c.result) << c.reply;
}

TEST(ToolResult, RefusesOtherForms) {
    EXPECT_EQ(tool_result(Dialect::camel, R"({"name":"x"})").error().what(),
              "reply to a tool call has neither result nor error");
    EXPECT_EQ(tool_result(Dialect::camel, R"("x")").error().what(), "reply is not a JSON object");
}

TEST(ToolResults, KeepTheOrderOfTheCallsAndTheDialectsIdKey) {
    std::vector<ToolCall> calls(2);
    calls[0].id = "a\"";
    calls[1].id = "b";
    const std::vector<std::string> results{"1", R"({"x":2})"};
    EXPECT_EQ(tool_results(Dialect::camel, calls, results),
              R"({"results":[{"toolCallId":"a\"","result":1},{"toolCallId":"b","result":{"x":2}}]})");
    EXPECT_EQ(tool_results(Dialect::snake, calls, results),
              R"({"results":[{"tool_call_id":"a\"","result":1},{"tool_call_id":"b","result":{"x":2}}]})");
    EXPECT_EQ(tool_results(Dialect::legacy, calls, results),
              R"({"results":[{"toolCallId":"a\"","result":1},{"toolCallId":"b","result":{"x":2}}]})");
    EXPECT_EQ(tool_results(Dialect::snake, {}, {}), R"({"results":[]})");
}

TEST(ResultsIn, FindsEachToolCallUnderEitherIdKeyWhateverTheOrder) {
    std::vector<ToolCall> calls(2);
    calls[0].id = "a";
    calls[1].id = "b";
    const std::vector<const ToolCall*> both{&calls[0], &calls[1]};
    const std::vector<std::string> expected{R"({"x":[1]})", R"("two")"};
    EXPECT_EQ(results_in(R"({"results":[{"toolCallId":"b","result":"two"},{"toolCallId":"c","result":3},)"
                         R"({"tool_call_id":"a","result":{"x":[1]}}]})",
                         both)
                  .value(),
              expected);
    EXPECT_EQ(results_in(R"({"results":[{"toolCallId":"a","result":1}]})", both).error().what(),
              "its results leave out a tool call");
    EXPECT_EQ(results_in("{}", both).error().what(), "its answer has no results");
    EXPECT_EQ(results_in("[]", both).error().what(), "reply is not a JSON object");
    EXPECT_EQ(results_in(R"({"results":[7]})", both).error().what(), "its results leave out a tool call");
}

}  // namespace
}  // namespace hookswitch
