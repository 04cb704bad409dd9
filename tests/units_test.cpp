#include "daemon/core/units.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, ReadsANumberWithAUnit) {
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("5s"), 5s);
    EXPECT_EQ(parse_duration("5m"), 5min);
    EXPECT_EQ(parse_duration("2h"), 2h);
    EXPECT_EQ(parse_duration("30d"), 720h);
    EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(ParseDuration, RefusesEverythingElse) {
    for (const char* text : {"", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "5S", "5sec", "0x5s",
                             "5s5s", "36501d", "18446744073709551615s", "99999999999999999999ms"}) {
        SCOPED_TRACE(text);
        EXPECT_EQ(parse_duration(text), std::nullopt);
    }
}

TEST(ParseSize, ReadsBytesInPowersOfTwo) {
    EXPECT_EQ(parse_size("512B"), 512u);
    EXPECT_EQ(parse_size("64KiB"), 65'536u);
    EXPECT_EQ(parse_size("2MiB"), 2'097'152u);
    EXPECT_EQ(parse_size("1GiB"), 1'073'741'824u);
    EXPECT_EQ(parse_size("18446744073709551615B"), 18'446'744'073'709'551'615u);
}

TEST(ParseSize, RefusesEverythingElse) {
    for (const char* text : {"", "5", "KiB", "64KB", "64kib", "64 KiB", "-1B", "1.5MiB",
                             "18446744073709551616B", "18446744073709551615KiB"}) {
        SCOPED_TRACE(text);
        EXPECT_EQ(parse_size(text), std::nullopt);
    }
}

TEST(UnitTexts, AreTheShortestThatReadsBack) {
    EXPECT_EQ(duration_text(0ms), "0s");
    EXPECT_EQ(duration_text(4500ms), "4500ms");
    EXPECT_EQ(duration_text(90s), "90s");
    EXPECT_EQ(duration_text(10min), "10m");
    EXPECT_EQ(duration_text(48h), "2d");
    EXPECT_EQ(size_text(0), "0B");
    EXPECT_EQ(size_text(1025), "1025B");
    EXPECT_EQ(size_text(64 << 10), "64KiB");
    EXPECT_EQ(size_text(2u << 30), "2GiB");
}

}  // namespace
}  // namespace hookswitch
