#include "handlers/reply_template.hpp"

#include "handlers/reply.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace hookswitch {
namespace {

constexpr const char* kEvent = R"({"id":"01J","attempt":1,"deadline_ms":7980,
    "call":{"id":"c-1","direction":"inbound","status":"in-progress","pipeline":null},
    "caller":"+31612345678","called":null,"called_name":"Bakker \"Jan\" & co\n\t\\ é 🥖",
    "tool_call":{"id":"t-1","name":"book","arguments":{
        "guests":4,"price":12.5,"big":9007199254740993,"huge":18446744073709551615,"negative":-1,
        "terrace":true,"smoking":false,"note":null,"empty":"","zero":0,
        "names":["Jan","Piet"],"list":[{"a":1},{"a":"x\"y"}],"table":{"nr":7,"label":"by \"window\""},
        "12":"a dozen","with space":"yes","nul":"a\u0000b","dollar":"${caller}","braces":"{{name}}"}},
    "report":null,"error":null,"metadata":{},"assistant":{}})";

std::string rendered(const std::string& reply, const std::string& event = kEvent) {
    std::vector<ReplyMistake> mistakes;
    const auto compiled = ReplyTemplate::compile(reply, "reply", mistakes);
    for (const auto& mistake : mistakes)
        ADD_FAILURE() << reply << ": " << mistake.key << ": " << mistake.what;
    auto document = Document::parse(event);
    EXPECT_TRUE(document) << document.error().what();
    auto out = compiled.render(document->root());
    EXPECT_TRUE(Document::parse(out)) << out;
    return out;
}

TEST(ReplyTemplate, FillsInFieldsOfEveryType) {
    const std::pair<const char*, const char*> cases[] = {
        // alone in its string: the value itself
        {"${caller}", R"("+31612345678")"},
        {"${attempt}", "1"},
        {"${tool_call.arguments.guests}", "4"},
        {"${tool_call.arguments.price}", "12.5"},
        {"${tool_call.arguments.big}", "9007199254740993"},
        {"${tool_call.arguments.huge}", "18446744073709551615"},
        {"${tool_call.arguments.negative}", "-1"},
        {"${tool_call.arguments.terrace}", "true"},
        {"${tool_call.arguments.smoking}", "false"},
        {"${tool_call.arguments.note}", "null"},
        {"${tool_call.arguments.empty}", R"("")"},
        {"${tool_call.arguments.names}", R"(["Jan","Piet"])"},
        {"${tool_call.arguments.table}", R"({"nr":7,"label":"by \"window\""})"},
        {"${tool_call.arguments.absent}", "null"},
        {"${called}", "null"},
        // within a longer string: text
        {"from ${caller}!", R"("from +31612345678!")"},
        {"${caller}${caller}", R"("+31612345678+31612345678")"},
        {"${tool_call.arguments.guests} guests", R"("4 guests")"},
        {"for ${tool_call.arguments.price}", R"("for 12.5")"},
        {"it is ${tool_call.arguments.terrace}", R"("it is true")"},
        {"[${tool_call.arguments.note}]", R"("[]")"},
        {"[${tool_call.arguments.absent}]", R"("[]")"},
        {"[${report.summary}]", R"("[]")"},
        {"= ${tool_call.arguments.names}", R"("= [\"Jan\",\"Piet\"]")"},
        {"= ${tool_call.arguments.table}", R"("= {\"nr\":7,\"label\":\"by \\\"window\\\"\"}")"},
        // defaults
        {"${called:-nobody}", R"("nobody")"},
        {"${called:-}", R"("")"},
        {"${called:-8}", R"("8")"},
        {"${called:-say \\\"hi\\\"\\n}", R"("say \"hi\"\n")"},
        {"to ${called:-say \\\"hi\\\"\\n}", R"("to say \"hi\"\n")"},
        {"${called:-a:-b}", R"("a:-b")"},
        {"${caller:-nobody}", R"("+31612345678")"},
        {"${tool_call.arguments.empty:-nothing}", R"("nothing")"},
        {"${tool_call.arguments.zero:-nothing}", "0"},
        {"${tool_call.arguments.smoking:-nothing}", "false"},
        {"Dear ${metadata.name:-customer}", R"("Dear customer")"},
        // paths
        {"${tool_call.arguments.names.1}", R"("Piet")"},
        {"${tool_call.arguments.names.2}", "null"},
        {"${tool_call.arguments.names.first}", "null"},
        {"${tool_call.arguments.list.1.a}", R"("x\"y")"},
        {"${tool_call.arguments.12}", R"("a dozen")"},
        {"${tool_call.arguments.with space}", R"("yes")"},
        {"${tool_call.arguments.guests.deeper}", "null"},
        // what is not a placeholder
        {"costs $5 or 5$", R"("costs $5 or 5$")"},
        {"$", R"("$")"},
        {"$$", R"("$$")"},
        {"$${caller}", R"("${caller}")"},
        {"$$${caller}", R"("$${caller}")"},
        {"a $${b} ${caller}", R"("a ${b} +31612345678")"},
        {"{{customer.name}} {caller}", R"("{{customer.name}} {caller}")"},
        {"${caller} {{x}} }", R"("+31612345678 {{x}} }")"},
        {"", R"("")"},
        // what a field holds is never a template
        {"${tool_call.arguments.dollar}", R"("${caller}")"},
        {"<${tool_call.arguments.dollar}>", R"("<${caller}>")"},
        {"<${tool_call.arguments.braces}>", R"("<{{name}}>")"},
        {"<${tool_call.arguments.nul}>", R"("<a\u0000b>")"},
    };
    for (const auto& [text, expected] : cases) {
        SCOPED_TRACE(text);
        EXPECT_EQ(rendered(R"({"result":")" + std::string(text) + R"("})"),
                  R"({"result":)" + std::string(expected) + "}");
    }
}

TEST(ReplyTemplate, KeepsTheShapeAroundThem) {
    EXPECT_EQ(rendered(R"( { "a" : [ 1 , 2.5, true, null, "${attempt}" ], "${caller}": {"b": {}, "c": []},
                            "d": "x ${attempt}" } )"),
              R"({"a":[1,2.5,true,null,1],"${caller}":{"b":{},"c":[]},"d":"x 1"})");
}

TEST(ReplyTemplate, IsFixedWithoutPlaceholders) {
    std::vector<ReplyMistake> mistakes;
    const auto fixed = ReplyTemplate::compile(R"({"error": "$${x} {{y}} \u00e9"})", "reply", mistakes);
    EXPECT_TRUE(fixed.fixed());
    EXPECT_EQ(fixed.text(), R"({"error":"${x} {{y}} é"})");
    EXPECT_FALSE(ReplyTemplate::compile(R"({"error":"${caller}"})", "reply", mistakes).fixed());
    EXPECT_TRUE(mistakes.empty());
}

TEST(ReplyTemplate, StaysJsonWhateverACallerSends) {
    const std::string hostile[] = {
        R"(","admin":true,"x":")",
        "\"",
        "\\",
        "\\\"",
        "\n\r\t\b\f",
        std::string("\0\x01\x1f\x7f", 4),
        "é 🥖 \u202e \ufeff",
        "${caller}",
        "</script>",
        "}}{{",
        std::string(100'000, '"'),
    };
    for (const auto& text : hostile) {
        SCOPED_TRACE(text.substr(0, 20));
        const std::string event = R"({"caller":)" + json_string(text) + R"(,"metadata":{)" +
                                  json_string("k") + ":[" + json_string(text) + "]}}";
        auto out = Document::parse(
            rendered(R"({"whole":"${caller}","part":"a${caller}z","json":"a${metadata.k}z"})", event));
        ASSERT_TRUE(out);
        const auto member = [&](const char* name) {
            return std::string(out->root()[name].get_string().value_unsafe());
        };
        EXPECT_EQ(out->root().get_object().size(), 3u);
        EXPECT_EQ(member("whole"), text);
        EXPECT_EQ(member("part"), "a" + text + "z");
        EXPECT_EQ(member("json"), "a[" + json_string(text) + "]z");
    }
}

TEST(ReplyTemplate, NamesEveryMistakeAndItsPlace) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"a":"${calller}"})", "reply.a: 'calller' is not a field of the event; did you mean 'caller'?"},
        {R"({"a":[0,{"b":"x ${tool.arguments.q}"}]})",
         "reply.a[1].b: 'tool.arguments.q' is not a field of the event; did you mean 'tool_call.arguments'?"},
        {R"({"a":"${call.ID}"})", "reply.a: 'call.ID' is not a field of the event; did you mean 'call.id'?"},
        {R"({"a":"${caller.name}"})",
         "reply.a: 'caller.name' is not a field of the event; did you mean 'called_name'?"},
        {R"({"a":"${report.sumary}"})",
         "reply.a: 'report.sumary' is not a field of the event; did you mean 'report.summary'?"},
        {R"({"a":"${ caller }"})", "reply.a: ' caller ' is not a field of the event; did you mean 'caller'?"},
        {R"({"a":"${}"})", "reply.a: '' is not the path of a field"},
        {R"({"a":"${:-x}"})", "reply.a: '' is not the path of a field"},
        {R"({"a":"${metadata.}"})", "reply.a: 'metadata.' is not the path of a field"},
        {R"({"a":"${metadata..x}"})", "reply.a: 'metadata..x' is not the path of a field"},
        {R"({"a":"x ${caller"})", "reply.a: '${caller' has no closing brace"},
        {R"({"a":"${called:-${caller}}"})",
         "reply.a: '${called:-${caller}' has a placeholder within a placeholder"},
        {R"(["a"])", "reply: must be a table"},
        {R"("text")", "reply: must be a table"},
    };
    for (const auto& [json, expected] : cases) {
        SCOPED_TRACE(json);
        std::vector<ReplyMistake> mistakes;
        ReplyTemplate::compile(json, "reply", mistakes);
        ASSERT_EQ(mistakes.size(), 1u);
        EXPECT_EQ(mistakes[0].key + ": " + mistakes[0].what, expected);
    }
}

TEST(ReplyTemplate, ReportsAllMistakesOfOneReply) {
    std::vector<ReplyMistake> mistakes;
    ReplyTemplate::compile(R"({"a":"${x} ${y}","b":["${caller}","${z}"]})", "case[0].reply", mistakes);
    ASSERT_EQ(mistakes.size(), 3u);
    EXPECT_EQ(mistakes[0].key, "case[0].reply.a");
    EXPECT_EQ(mistakes[1].key, "case[0].reply.a");
    EXPECT_EQ(mistakes[2].key, "case[0].reply.b[1]");
}

}  // namespace
}  // namespace hookswitch
