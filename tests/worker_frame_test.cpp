#include "daemon/core/worker_frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace hookswitch {
namespace {

void feed(LineBuffer& lines, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto space = lines.space();
        const auto n = std::min(space.size(), bytes.size());
        std::copy_n(bytes.begin(), n, space.begin());
        lines.commit(n);
        bytes.remove_prefix(n);
    }
}

std::vector<std::string> take_all(LineBuffer& lines) {
    std::vector<std::string> all;
    while (auto line = lines.next()) all.emplace_back(*line);
    return all;
}

using Lines = std::vector<std::string>;

TEST(LineBuffer, CutsWhereverTheReadsFall) {
    const std::string stream = "one\n\nthree\nfour";
    for (std::size_t step = 1; step <= stream.size(); ++step) {
        SCOPED_TRACE(step);
        LineBuffer lines(100);
        Lines all;
        for (std::size_t at = 0; at < stream.size(); at += step) {
            feed(lines, std::string_view(stream).substr(at, step));
            for (auto& line : take_all(lines)) all.push_back(line);
        }
        EXPECT_EQ(all, (Lines{"one", "", "three"}));
        feed(lines, "\n");
        EXPECT_EQ(take_all(lines), (Lines{"four"}));
    }
}

TEST(LineBuffer, KeepsALineThatIsLongerThanItsBuffer) {
    LineBuffer lines(1 << 20);
    const std::string first(300'000, 'a'), second(900'000, 'b');
    feed(lines, first + "\n" + second + "\nc");
    EXPECT_EQ(take_all(lines), (Lines{first, second}));
    feed(lines, "\n");
    EXPECT_EQ(take_all(lines), (Lines{"c"}));
    EXPECT_FALSE(lines.overflowed());
}

TEST(LineBuffer, StopsAtALineBeyondItsLimit) {
    for (const char* end : {"", "\n", "\nnext\n"}) {
        SCOPED_TRACE(end);
        LineBuffer lines(10);
        feed(lines, "0123456789\n0123456789a" + std::string(end));
        EXPECT_EQ(take_all(lines), (Lines{"0123456789"}));
        EXPECT_TRUE(lines.overflowed());
        EXPECT_FALSE(lines.next());
    }
}

TEST(LineBuffer, NeverOffersMoreThanOneRead) {
    LineBuffer lines(1 << 20);
    feed(lines, std::string(600'000, 'a'));
    const auto space = lines.space();
    EXPECT_GT(space.size(), 0U);
    EXPECT_LE(space.size(), LineBuffer::kRead);
}

TEST(CutLines, DropsTheEndOfALongLine) {
    CutLines lines(4);
    Lines all;
    auto keep = [&](std::string_view line) { all.emplace_back(line); };
    lines.feed("ab", keep);
    lines.feed("cdef", keep);
    lines.feed("gh\n\nxy\nlast", keep);
    EXPECT_EQ(all, (Lines{"abcd", "", "xy"}));
    lines.finish(keep);
    lines.finish(keep);
    EXPECT_EQ(all, (Lines{"abcd", "", "xy", "last"}));
}

template <class T>
T parse(std::string_view line) {
    WorkerFrame frame = parse_worker_frame(line);
    auto* found = std::get_if<T>(&frame);
    EXPECT_TRUE(found) << line << " is frame kind " << frame.index();
    return found ? *found : T{};
}

TEST(ParseWorkerFrame, KnowsTheHandshake) {
    EXPECT_EQ(parse<Handshake>(R"({"hookswitch":1})").version, 1);
    EXPECT_EQ(parse<Handshake>(R"({"hookswitch":2,"name":"desk"})").version, 2);
}

TEST(ParseWorkerFrame, ReadsAnAnswer) {
    struct {
        const char *line, *reply;
        std::size_t commands, mistakes;
    } const cases[] = {
        {R"({"id":"e1","reply":{"result": [1, "a\nb"]}})", R"({"result":[1,"a\nb"]})", 0, 0},
        {R"( {"reply":{},"id":"e1"} )", "{}", 0, 0},
        {R"({"id":"e1"})", "", 0, 0},
        {R"({"id":"e1","reply":null,"error":null})", "", 0, 0},
        {R"({"id":"e1","reply":{},"extra":true})", "{}", 0, 0},
        {R"({"id":"e1","reply":{},"actions":[]})", "{}", 0, 0},
        {R"({"id":"e1","reply":{},"actions":[{"type":"end-call"},{"type":"sing"}]})", "{}", 1, 1},
        {R"({"id":"e1","actions":"end"})", "", 0, 1},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.line);
        const auto answer = parse<WorkerAnswer>(c.line);
        EXPECT_EQ(answer.id, "e1");
        EXPECT_EQ(answer.reply, c.reply);
        EXPECT_EQ(answer.actions.commands.size(), c.commands);
        EXPECT_EQ(answer.actions.mistakes.size(), c.mistakes);
    }
}

TEST(ParseWorkerFrame, ReadsAFailure) {
    struct {
        const char *line, *message;
        bool retry;
    } const cases[] = {
        {R"({"id":"e1","error":{"message":"CRM is down","retry":true}})", "CRM is down", true},
        {R"({"id":"e1","error":{"message":"no"},"reply":{}})", "no", true},
        {R"({"id":"e1","error":{"message":"no","retry":"maybe"}})", "no", true},
        {R"({"id":"e1","error":{"message":"no","retry":false}})", "no", false},
        {R"({"id":"e1","error":{}})", "its error has no message", true},
        {R"({"id":"e1","error":"text"})", "its error has no message", true},
        {R"({"id":"e1","reply":"text"})", "its reply is not an object", true},
        {R"({"id":"e1","result":5})", "its answer has neither reply nor error", true},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.line);
        const auto failure = parse<WorkerFailure>(c.line);
        EXPECT_EQ(failure.id, "e1");
        EXPECT_EQ(failure.message, c.message);
        EXPECT_EQ(failure.retry, c.retry);
    }
}

TEST(ParseWorkerFrame, CutsALongMessageBetweenCharacters) {
    std::string text(499, 'x');
    text += "\u00e9\u00e9";  // the first of them straddles byte 500
    const auto failure = parse<WorkerFailure>(R"({"id":"e1","error":{"message":")" + text + R"("}})");
    EXPECT_EQ(failure.message, std::string(499, 'x') + "...");
}

TEST(ParseWorkerFrame, ReadsUnaskedActions) {
    const auto actions =
        parse<WorkerActions>(R"({"call":"c1","actions":[{"type":"say","content":"Done."}]})");
    EXPECT_EQ(actions.call, "c1");
    ASSERT_EQ(actions.actions.commands.size(), 1U);
    EXPECT_EQ(actions.actions.commands[0].body, R"({"type":"say","content":"Done.","end_after":false})");
}

TEST(ParseWorkerFrame, SaysWhyALineIsGarbage) {
    struct {
        std::string line;
        const char* why;
    } const cases[] = {
        {"[]", "not a JSON object"},
        {"17", "not a JSON object"},
        {"{}", "neither id nor call in it"},
        {R"({"id":null})", "neither id nor call in it"},
        {R"({"hookswitch":"1"})", "neither id nor call in it"},
        {R"({"id":7,"reply":{}})", "id is not a string"},
        {R"({"call":7})", "call is not a string"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.line);
        EXPECT_EQ(parse<Garbage>(c.line).why, c.why);
    }
    for (const std::string& line :
         {std::string(), std::string("hello"), std::string("{\"id\":\"e1\""), std::string("{\"id\":[n]}"),
          std::string("{\"id\":\"\xff\"}"), std::string(100'000, '[')}) {
        SCOPED_TRACE(line.substr(0, 20));
        EXPECT_TRUE(parse<Garbage>(line).why.starts_with("not JSON: "));
    }
}

}  // namespace
}  // namespace hookswitch
