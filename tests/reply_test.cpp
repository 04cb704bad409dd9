#include "tests/support/reply_fixture.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using test::kNoon;
using test::ReplyTest;

const std::string kJan = R"("+31612345678")";

TEST_F(ReplyTest, GivesAFixedAnswer) {
    ReplySettings settings;
    settings.reply = R"({ "error": "We are closed." })";
    EXPECT_EQ(answer(*make(settings), call(kJan)), R"({"error":"We are closed."})");
}

TEST_F(ReplyTest, FillsInAnswersFromTheEvent) {
    ReplySettings settings;
    settings.reply = R"({"result":{"for":"${caller}","to":"${called_name}","call":"${call.id}","id":"${id}",
        "guests":"${tool_call.arguments.guests}","tool":"${tool_call.name}","source":"${source}",
        "tier":"${metadata.tier:-standard}","crm":"${metadata.crm_id}","attempt":"${attempt}"}})";
    EXPECT_EQ(
        answer(*make(settings), call(kJan, R"({"guests":4})", R"({"metadata":{"crm_id":12345}})")),
        R"({"result":{"for":"+31612345678","to":"Bakery","call":"c-1","id":"01J00000000000000000000000",)"
        R"("guests":4,"tool":"book","source":"main","tier":"standard","crm":12345,"attempt":1}})");
}

TEST_F(ReplyTest, SaysNothingWhenNoCaseHolds) {
    ReplySettings settings;
    settings.hours = {"Mon 09:00-10:00"};
    ReplyCase open;
    open.when.open = true;
    open.reply = R"({"result":1})";
    settings.cases = {open};
    EXPECT_EQ(answer(*make(settings), call(kJan)), "");
}

TEST_F(ReplyTest, TakesTheFirstCaseThatHolds) {
    const auto field = [](const char* path, const char* value) {
        ReplyConditions result;
        result.fields = {{path, {value}, {}, {}, {}}};
        return result;
    };
    ReplySettings settings;
    settings.cases = {
        {field("tool_call.arguments.topic", "cake"), field("caller", "+32*"), R"({"result":"cake"})"},
        {field("tool_call.arguments.topic", "ca*"), {}, R"({"result":"about ${tool_call.arguments.topic}"})"},
    };
    settings.reply = R"({"result":"else"})";
    auto handler = make(settings);
    EXPECT_EQ(answer(*handler, call(kJan, R"({"topic":"cake"})")), R"({"result":"cake"})");
    EXPECT_EQ(answer(*handler, call(R"("+3221234567")", R"({"topic":"cake"})")),
              R"({"result":"about cake"})");
    EXPECT_EQ(answer(*handler, call(kJan, R"({"topic":"carrots"})")), R"({"result":"about carrots"})");
    EXPECT_EQ(answer(*handler, call(kJan, R"({"topic":"bread"})")), R"({"result":"else"})");
    EXPECT_EQ(answer(*handler, call(kJan)), R"({"result":"else"})");
}

TEST_F(ReplyTest, ExceptsOnlyWhatMeetsAllOfUnless) {
    ReplySettings settings;
    settings.hours = {"Mon-Fri 09:00-17:00"};
    ReplyCase only;
    only.unless.open = true;
    only.unless.fields = {{"caller", {"+31*"}, {}, {}, {}}};
    only.reply = R"({"result":1})";
    settings.cases = {only};
    auto handler = make(settings);
    EXPECT_EQ(answer(*handler, call(kJan)), "");
    EXPECT_EQ(answer(*handler, call(R"("+3221234567")")), R"({"result":1})");
    now_ = kNoon + 12h;
    EXPECT_EQ(answer(*handler, call(kJan)), R"({"result":1})");
}

TEST_F(ReplyTest, KnowsWhenItIsOpen) {
    ReplySettings settings;
    settings.timezone = "Europe/Amsterdam";
    settings.hours = {"Mon-Fri 09:00-17:00"};
    settings.holidays = std::vector<std::string>{"2026-04-27", "12-25"};
    ReplyCase open, closed;
    open.when.open = true;
    open.reply = R"({"result":"open"})";
    closed.when.open = false;
    closed.reply = R"({"result":"closed"})";
    settings.cases = {open, closed};
    auto handler = make(settings);
    using std::chrono::sys_days;
    const std::pair<std::chrono::sys_seconds, const char*> cases[] = {
        {sys_days(2026y / 1 / 9) + 7h + 59min + 59s, "closed"},  // Friday, winter time: an hour ahead of UTC
        {sys_days(2026y / 1 / 9) + 8h, "open"},
        {sys_days(2026y / 1 / 9) + 15h + 59min + 59s, "open"},
        {sys_days(2026y / 1 / 9) + 16h, "closed"},
        {sys_days(2026y / 1 / 10) + 12h, "closed"},         // Saturday
        {sys_days(2026y / 3 / 30) + 6h + 59min, "closed"},  // Monday after the clock went forward
        {sys_days(2026y / 3 / 30) + 7h, "open"},
        {sys_days(2026y / 10 / 26) + 7h + 59min, "closed"},  // Monday after it went back
        {sys_days(2026y / 10 / 26) + 8h, "open"},
        {sys_days(2026y / 4 / 27) + 10h, "closed"},          // King's Day, a Monday
        {sys_days(2026y / 4 / 26) + 22h + 30min, "closed"},  // by then it is Monday there
        {sys_days(2026y / 12 / 25) + 12h, "closed"},         // Christmas, a Friday
    };
    for (const auto& [time, expected] : cases) {
        now_ = time;
        EXPECT_EQ(answer(*handler, call(kJan)), R"({"result":")" + std::string(expected) + "\"}")
            << time.time_since_epoch().count();
    }
}

TEST_F(ReplyTest, ReadsItsListsFromFiles) {
    const auto vip = write("vip.txt", "# regulars\n+31 6 1234 5678  # Jan\n+32*\n");
    const auto holidays = write("holidays.txt", "2026-01-09\n");
    ReplyConditions when;
    when.caller_list = vip;
    EXPECT_TRUE(holds(when, call(kJan)));
    EXPECT_TRUE(holds(when, call(R"("+3221234567")")));
    EXPECT_FALSE(holds(when, call(R"("+31612345679")")));
    EXPECT_FALSE(holds(when, call("null")));
    EXPECT_FALSE(holds(when, call(R"("anonymous")")));
    when.called_list = vip;
    EXPECT_FALSE(holds(when, call(kJan)));

    ReplySettings settings;
    settings.holidays = holidays;
    ReplyCase open;
    open.when.open = true;
    open.reply = R"({"result":1})";
    settings.cases = {open};
    auto handler = make(settings);
    EXPECT_EQ(answer(*handler, call(kJan)), "");
    now_ = kNoon + 24h;
    EXPECT_EQ(answer(*handler, call(kJan)), R"({"result":1})");
}

TEST_F(ReplyTest, ComparesAnyFieldOfTheEvent) {
    using Any = std::vector<std::string>;
    const auto no = std::nullopt;
    const std::string arguments =
        R"({"guests":8,"price":8.0,"half":8.5,"text":"8","many":"a dozen","terrace":true,
        "none":null,"empty":"","list":[8],"topic":"Wedding cake","code":"007","inf":"inf"})";
    const std::pair<FieldCondition, bool> cases[] = {
        {{"guests", Any{"8"}, no, no, no}, true},
        {{"price", Any{"8"}, no, no, no}, true},
        {{"half", Any{"8.50"}, no, no, no}, true},
        {{"text", Any{"8"}, no, no, no}, true},
        {{"guests", Any{"7", "8"}, no, no, no}, true},
        {{"guests", Any{"7", "9"}, no, no, no}, false},
        {{"code", Any{"007"}, no, no, no}, true},
        {{"terrace", Any{"true"}, no, no, no}, true},
        {{"terrace", Any{"false"}, no, no, no}, false},
        {{"terrace", Any{"1"}, no, no, no}, false},
        {{"topic", Any{"Wedding*"}, no, no, no}, true},
        {{"topic", Any{"wedding*"}, no, no, no}, false},
        {{"topic", Any{"*cake", "x"}, no, no, no}, true},
        {{"empty", Any{"*"}, no, no, no}, true},
        {{"empty", Any{""}, no, no, no}, true},
        {{"none", Any{"*"}, no, no, no}, false},
        {{"absent", Any{"*"}, no, no, no}, false},
        {{"list", Any{"*"}, no, no, no}, false},
        {{"list.0", Any{"8"}, no, no, no}, true},
        {{"guests", {}, 8, no, no}, true},
        {{"guests", {}, 8.5, no, no}, false},
        {{"guests", {}, no, 8, no}, true},
        {{"guests", {}, no, 7, no}, false},
        {{"half", {}, 8, 9, no}, true},
        {{"text", {}, 8, 20, no}, true},
        {{"many", {}, 8, no, no}, false},
        {{"inf", {}, 8, no, no}, false},
        {{"absent", {}, 8, no, no}, false},
        {{"terrace", {}, no, 8, no}, false},
        {{"guests", Any{"8"}, 9, no, no}, false},
        {{"guests", {}, no, no, true}, true},
        {{"guests", {}, no, no, false}, false},
        {{"none", {}, no, no, true}, false},
        {{"none", {}, no, no, false}, true},
        {{"absent", {}, no, no, false}, true},
        {{"empty", {}, no, no, true}, true},
        {{"list", {}, no, no, true}, true},
    };
    int row = 0;
    for (auto [condition, expected] : cases) {
        SCOPED_TRACE("row " + std::to_string(row++) + ", " + condition.path);
        condition.path = "tool_call.arguments." + condition.path;
        ReplyConditions when;
        when.fields = {condition};
        EXPECT_EQ(holds(when, call(kJan, arguments)), expected);
    }
}

TEST_F(ReplyTest, ChecksHoursOfACaseApartFromItsOwn) {
    ReplyConditions lunch;
    lunch.hours = {"Fri 13:00-13:30"};
    EXPECT_TRUE(holds(lunch, call(kJan)));
    now_ = kNoon + 30min;
    EXPECT_FALSE(holds(lunch, call(kJan)));
}

TEST_F(ReplyTest, StaysJsonWhateverACallerSends) {
    ReplySettings settings;
    settings.reply = R"({"result":"from ${caller}: ${tool_call.arguments.text}"})";
    auto handler = make(settings);
    const char* hostile[] = {R"(\",\"x\":\")", R"(\n\u0000\u001f\\)", "\u202e é 🥖", R"(\ud83e\udd56)",
                             "${id}"};
    for (const std::string text : hostile) {
        SCOPED_TRACE(text);
        const auto reply = answer(*handler, call('"' + text + '"', R"({"text":")" + text + "\"}"));
        auto document = Document::parse(reply);
        ASSERT_TRUE(document) << reply;
        auto sent = Document::parse('"' + text + '"');
        const std::string value(sent->root().get_string().value_unsafe());
        EXPECT_EQ(std::string(document->root()["result"].get_string().value_unsafe()),
                  std::string("from ").append(value).append(": ").append(value));
    }
}

TEST_F(ReplyTest, AnswersManyThreadsAtOnce) {
    ReplySettings settings;
    settings.timezone = "Europe/Amsterdam";
    settings.hours = {"Fri 09:00-17:00"};
    ReplyCase open;
    open.when.open = true;
    open.when.caller_list = write("vip.txt", "+31*\n");
    open.reply = R"({"result":"${tool_call.arguments.n}"})";
    settings.cases = {open};
    auto handler = make(settings);
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&handler, n = std::to_string(thread)] {
            for (int i = 0; i < 100; ++i)
                EXPECT_EQ(answer(*handler, call(kJan, R"({"n":)" + n + "}")), R"({"result":)" + n + "}");
        });
    for (auto& thread : threads) thread.join();
}

TEST_F(ReplyTest, ListsEveryMistake) {
    const auto numbers = write("numbers.txt", "+31612345678\n\n0612345678 # Jan\nnobody\n");
    const auto dates = write("dates.txt", "2026-12-25\nChristmas\n");
    ReplySettings settings;
    settings.timezone = "Europe/Amsterdm";
    settings.hours = {"Mon-Fri 09:00-17:30", "Sat 10-14"};
    settings.holidays = dates;
    ReplyCase first;
    first.when.hours = {"lunch 12:00-13:00"};
    first.when.caller_list = numbers;
    first.unless.called_list = directory_ / "missing.txt";
    first.when.fields = {
        {"caler", {"+31*"}, {}, {}, {}}, {"metadata.a", {}, {}, {}, {}}, {"metadata.b", {}, 9, 8, {}}};
    first.reply = R"({"result":"${tool_call.argumens.x}"})";
    settings.cases = {first, {}};
    settings.reply = R"(["no"])";
    const std::string at = directory_.string() + "/";
    EXPECT_EQ(
        mistakes_of(settings),
        "timezone: 'Europe/Amsterdm' is not a time zone of the IANA database such as \"Europe/Amsterdam\"\n"
        "hours[1]: '10-14' is not a span of time such as 09:00-17:30\n"
        "holidays: " +
            at +
            "dates.txt:2: 'Christmas' is not a date such as 2026-12-25, or 12-25 for every year\n"
            "case[0].when.hours[0]: 'lunch' is not a day; write Mon, Tue, Wed, Thu, Fri, Sat, Sun, Mon-Fri "
            "or daily\n"
            "case[0].when.caller_list: " +
            at +
            "numbers.txt:3: '0612345678' has no country code; write it as in +31612345678\n"
            "case[0].when.caller_list: " +
            at +
            "numbers.txt:4: 'nobody' is not a telephone number such as +31612345678 or a pattern such as "
            "+31*\n"
            "case[0].when.caler: 'caler' is not a field of the event; did you mean 'caller'?\n"
            "case[0].when.metadata.a: has nothing to compare with\n"
            "case[0].when.metadata.b: can never hold: at_least is above at_most\n"
            "case[0].unless.called_list: open " +
            at +
            "missing.txt: No such file or directory\n"
            "case[0].reply.result: 'tool_call.argumens.x' is not a field of the event; did you mean "
            "'tool_call.arguments'?\n"
            "case[1].reply: missing\n"
            "reply: must be a table\n");
}

TEST_F(ReplyTest, RefusesWhatCouldNeverAnswer) {
    EXPECT_EQ(mistakes_of({}), "reply: missing, and there is no case that answers either\n");

    ReplySettings settings;
    settings.holidays = std::vector<std::string>{};
    ReplyCase open;
    open.when.open = true;
    open.reply = "{}";
    settings.cases = {open};
    EXPECT_EQ(mistakes_of(settings), "case[0].when.open: needs the handler's 'hours' or 'holidays'\n");
    settings.holidays = std::vector<std::string>{"12-24", "24-12"};
    EXPECT_EQ(mistakes_of(settings),
              "holidays[1]: '24-12' is not a date such as 2026-12-25, or 12-25 for every year\n");
}

}  // namespace
}  // namespace hookswitch
