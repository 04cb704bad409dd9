#include "daemon/core/trace_context.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hookswitch {
namespace {

constexpr const char* kGiven = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, KnowsWhatMayBePassedOn) {
    const std::string given = kGiven;
    EXPECT_TRUE(is_traceparent(given));
    EXPECT_TRUE(is_traceparent("cc" + given.substr(2) + "-what-the-future-brings"));
    EXPECT_EQ(trace_id(given), "4bf92f3577b34da6a3ce929d0e0e4736");
    for (const std::string& wrong :
         {std::string(), std::string("00"), given.substr(0, 54), given + "-", given + "0",
          "ff" + given.substr(2), std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
          std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
          std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
          std::string("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
          "cc" + given.substr(2) + "x"}) {
        EXPECT_FALSE(is_traceparent(wrong)) << wrong;
        EXPECT_EQ(trace_id(wrong), "") << wrong;
    }
}

TEST(TraceContext, IsFoundInAHead) {
    const std::string parent = "traceparent: " + std::string(kGiven) + "\r\n", begin = "POST / HTTP/1.1\r\n";
    const auto trace = trace_in(begin + "TraceState:a=1 ,b=2\r\nX-traceparent: x\r\n" + parent +
                                "tracestate: \r\ntracestate: c=3\r\n\r\n");
    EXPECT_EQ(trace.parent, kGiven);
    EXPECT_EQ(trace.state, "a=1 ,b=2,c=3");
    for (const std::string& none : {std::string(), begin + "\r\n", begin + parent + parent + "\r\n",
                                    begin + "traceparent: 00-1-2-3\r\ntracestate: a=1\r\n\r\n"}) {
        EXPECT_EQ(trace_in(none).parent, "") << none;
        EXPECT_EQ(trace_in(none).state, "") << none;
    }
}

// The ULID of the specification's example, and the largest.
TEST(TraceContext, IsTheEventsOwnIdInHexadecimal) {
    const auto first = new_traceparent("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    EXPECT_TRUE(is_traceparent(first)) << first;
    EXPECT_EQ(trace_id(first), "01563e3ab5d3d6764c61efb99302bd5b");
    EXPECT_TRUE(first.ends_with("-01"));
    EXPECT_EQ(trace_id(new_traceparent("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")), std::string(32, 'f'));

    const auto of_another_tool_call = new_traceparent("01ARZ3NDEKTSV4RRFFQ69G5FAV.2");
    EXPECT_EQ(trace_id(of_another_tool_call), trace_id(first));
    EXPECT_NE(of_another_tool_call, first) << "each request has a parent of its own";
}

TEST(TraceContext, TakesAnyTextForAnId) {
    for (const char* id : {"", "event0", "00000000000000000000000000"})
        EXPECT_TRUE(is_traceparent(new_traceparent(id))) << id;
}

}  // namespace
}  // namespace hookswitch
