#include "daemon/core/call_command.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using Type = CallCommand::Type;

TEST(CallCommand, IsPostedWithItsBooleans) {
    struct Case {
        const char* given;
        Type type;
        const char* body;
    };
    const Case cases[]{
        {R"({"type":"say","content":"One moment."})", Type::say,
         R"({"type":"say","content":"One moment.","end_after":false})"},
        {R"({"end_after":true,"content":"Bye \"x\"\n","type":"say"})", Type::say,
         R"({"type":"say","content":"Bye \"x\"\n","end_after":true})"},
        {R"({"type":"inject-context","content":"code 4821","trigger_response":true})", Type::inject_context,
         R"({"type":"inject-context","content":"code 4821","trigger_response":true})"},
        {R"({"type":"inject-context","content":"c","trigger_response":null})", Type::inject_context,
         R"({"type":"inject-context","content":"c","trigger_response":false})"},
        {R"({"type":"end-call"})", Type::end_call, R"({"type":"end-call"})"},
        {R"({"type":"end-call","message":null})", Type::end_call, R"({"type":"end-call"})"},
        {R"({"type":"end-call","message":"Thank you."})", Type::end_call,
         R"({"type":"end-call","message":"Thank you."})"},
        {R"({"type":"transfer","destination":"+31201234567"})", Type::transfer,
         R"({"type":"transfer","destination":"+31201234567"})"},
        {R"({"type":"transfer","destination":"sip:desk@example.com","message":"One moment."})",
         Type::transfer,
         R"({"type":"transfer","destination":"sip:desk@example.com","message":"One moment."})"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.given);
        const auto command = parse_call_command(std::string_view(c.given));
        ASSERT_TRUE(command) << command.error().what();
        EXPECT_EQ(command->type, c.type);
        EXPECT_EQ(command->body, c.body);
    }
}

TEST(CallCommand, SaysWhatIsWrong) {
    struct Case {
        const char* given;
        const char* why;
    };
    const Case cases[]{
        {"[]", "body: expected object, found array"},
        {"{}", "type: missing"},
        {R"({"type":"hang-up"})", "type: none of end-call, transfer, inject-context, say"},
        {R"({"type":7})", "type: expected string, found number"},
        {R"({"type":"say"})", "body: content is missing"},
        {R"({"type":"say","content":""})", "content: is empty"},
        {R"({"type":"say","content":["a"]})", "content: expected string, found array"},
        {R"({"type":"say","content":"a","end_after":"yes"})", "end_after: expected true or false"},
        {R"({"type":"say","content":"a","text":"b"})", "body: 'text' is not a member of say"},
        {R"({"type":"end-call","":1})", "body: '' is not a member of end-call"},
        {R"({"type":"transfer"})", "body: destination is missing"},
        {R"({"type":"transfer","destination":"0612345678"})",
         "destination: neither a number such as +31612345678 nor a SIP URI such as sip:desk@example.com"},
        {R"({"type":"transfer","destination":"+31 20 1234567"})",
         "destination: neither a number such as +31612345678 nor a SIP URI such as sip:desk@example.com"},
        {R"({"type":"transfer","destination":"sip:"})",
         "destination: neither a number such as +31612345678 nor a SIP URI such as sip:desk@example.com"},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.given);
        const auto command = parse_call_command(std::string_view(c.given));
        ASSERT_FALSE(command);
        EXPECT_EQ(command.error(), Errc::malformed_body);
        EXPECT_EQ(command.error().what(), c.why);
    }
    const std::string large = R"({"type":"say","content":")" + std::string(16 << 10, 'a') + R"("})";
    EXPECT_EQ(parse_call_command(large).error().what(), "body: is larger than 16 KiB");
}

TEST(CallCommand, OfAListTheGoodOnesAreKept) {
    const auto parse = [](const std::string& json) {
        const auto document = Document::parse(json);
        return parse_call_commands(Json(*document));
    };
    const auto some = parse(R"([{"type":"say","content":"a"},{"type":"sing"},7,{"type":"end-call"}])");
    ASSERT_EQ(some.commands.size(), 2U);
    EXPECT_EQ(some.commands[0].body, R"({"type":"say","content":"a","end_after":false})");
    EXPECT_EQ(some.commands[1].type, Type::end_call);
    EXPECT_EQ(some.mistakes,
              (std::vector<std::string>{"[1].type: none of end-call, transfer, inject-context, say",
                                        "[2]: expected object, found number"}));
    EXPECT_EQ(parse(R"("say")").mistakes, std::vector<std::string>{"body: expected an array"});

    std::string many = "[";
    for (int i = 0; i < 25; ++i) many += std::string(i ? "," : "") + R"({"type":"end-call"})";
    const auto cut = parse(many + "]");
    EXPECT_EQ(cut.commands.size(), 20U);
    EXPECT_EQ(cut.mistakes, std::vector<std::string>{"body: has 25 elements; the first 20 are carried out"});
}

}  // namespace
}  // namespace hookswitch
