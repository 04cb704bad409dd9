#include "daemon/core/glob.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hookswitch {
namespace {

TEST(GlobMatch, StarIsAnyRunAndQuestionMarkOneByte) {
    struct {
        const char *pattern, *text;
        bool matches;
    } const cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "", true},
        {"*", "tool-calls", true},
        {"**", "x", true},
        {"?", "x", true},
        {"?", "", false},
        {"?", "xy", false},
        {"tool-calls", "tool-calls", true},
        {"tool-calls", "tool-call", false},
        {"tool-calls", "tool-calls2", false},
        {"Tool-*", "tool-calls", false},
        {"+3185*", "+31850835037", true},
        {"+3185*", "+3120", false},
        {"*37", "+31850835037", true},
        {"*37", "+3185083503", false},
        {"lookup_*_v?", "lookup_contact_v2", true},
        {"lookup_*_v?", "lookup_contact_v", false},
        {"*ab", "aab", true},
        {"*a*b", "xaybzb", true},
        {"a*b*c", "abbbc", true},
        {"a*b*c", "acb", false},
        {"[ab]", "a", false},
        {"\\*", "*", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.pattern) + " on " + c.text);
        EXPECT_EQ(glob_match(c.pattern, c.text), c.matches);
    }
}

TEST(GlobMatch, ManyStarsDoNotExplode) {
    std::string pattern;
    for (int i = 0; i < 50; ++i) pattern += "*a";
    EXPECT_FALSE(glob_match(pattern + "b", std::string(5'000, 'a')));
}

}  // namespace
}  // namespace hookswitch
