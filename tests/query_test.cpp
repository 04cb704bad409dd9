#include "daemon/core/query.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

TEST(ParseQuery, DecodesNamesAndValues) {
    EXPECT_EQ(parse_query("").value(), Parameters{});
    EXPECT_EQ(parse_query("call=c%201&&type=a=b&flag&=x&empty=").value(),
              (Parameters{{"call", "c 1"}, {"type", "a=b"}, {"flag", ""}, {"", "x"}, {"empty", ""}}));
    EXPECT_EQ(parse_query("caller=+31612345678&%63aller=%2b31").value(),
              (Parameters{{"caller", "+31612345678"}, {"caller", "+31"}}));
}

TEST(ParseQuery, RefusesWhatIsNoText) {
    for (const char* bad : {"a=%", "a=%1", "a=%1g", "a=%-1", "a=%00", "a=%0a", "a=%7f", "a=%ff", "%c3=1"})
        EXPECT_EQ(parse_query(bad).error(), Errc::bad_request) << bad;
    EXPECT_EQ(percent_decode("%c3%a9").value(), "\u00e9");
}

}  // namespace
}  // namespace hookswitch
