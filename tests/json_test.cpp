#include "daemon/core/json.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace hookswitch {
namespace {

std::string round_trip(std::string_view text) {
    auto doc = Document::parse(text);
    if (!doc) return doc.error().what();
    std::string out;
    append_json(out, doc->root());
    return out;
}

TEST(Document, WritesBackWhatItRead) {
    for (const std::string_view text : {
             R"({"a":[1,-2,0.5,-0.0015,true,false,null,"x"],"b":{},"c":[],"d":{"e":[[],[{}]]}})",
             R"("quote \" slash \\ line \n tab \t nul \u0000 unit \u001f")",
             R"("één 🙂")",
             "18446744073709551615",
             "-9223372036854775808",
             "9007199254740993",
         })
        EXPECT_EQ(round_trip(text), text);
}

TEST(Document, TakesNumbersBeyond64BitsAsDoubles) {
    EXPECT_EQ(round_trip("[123456789012345678901234567890,1]"), "[1.2345678901234568e+29,1]");
    EXPECT_EQ(round_trip(R"({"-99999999999999999999":"99999999999999999999\"","n":-99999999999999999999})"),
              R"({"-99999999999999999999":"99999999999999999999\"","n":-1e+20})");
    EXPECT_EQ(round_trip("[0.12345678901234567890123,1e-2,99999999999999999999]"),
              "[0.12345678901234568,0.01,1e+20]");
}

TEST(Document, TakesHalfASurrogatePairAsReplacementCharacter) {
    EXPECT_EQ(round_trip(R"(["cut \ud83d","\ude42 too","\ud83d\ude42","\\ud83d","\ud83dx"])"),
              "[\"cut \uFFFD\",\"\uFFFD too\",\"🙂\",\"\\\\ud83d\",\"\uFFFDx\"]");
}

TEST(Document, StillRefusesWhatNoRepairMakesJson) {
    for (const std::string_view text : {"[99999999999999999999", "[099999999999999999999]", R"("\ud8)",
                                        R"("\x")", "1e999", "\"\\", "\"\xff\"", "", "\""})
        EXPECT_FALSE(Document::parse(text)) << text;
}

TEST(Document, CanBeMovedAndOutliveTheThreadThatReadIt) {
    std::optional<Document> moved;
    std::thread([&] { moved = Document::parse(R"({"a":"b"})").value(); }).join();
    auto again = Document::parse("[]");  // takes a document from the pool of this thread
    std::string out;
    append_json(out, moved->root());
    EXPECT_EQ(out, R"({"a":"b"})");
}

TEST(JsonString, EscapesControlCharactersQuotesAndBackslashes) {
    EXPECT_EQ(json_string(std::string_view("a\"b\\c\n\r\t\0\x1f", 10)), R"("a\"b\\c\n\r\t\u0000\u001f")");
    EXPECT_EQ(json_string("é"), "\"é\"");
}

}  // namespace
}  // namespace hookswitch
