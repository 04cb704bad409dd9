#include "daemon/core/recording.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

TEST(DeliveryLine, IsReadBackAsItWas) {
    RecordedDelivery out;
    out.received_at = parse_iso_time("2026-01-09T14:56:48.123Z");
    out.source = "main";
    out.path = "/webhook";
    out.headers = {{"x-webhook-event", "tool-calls"}, {"x-quoted", "a \"b\" \\ c"}};
    for (const std::string& body : {std::string("{\"a\":\"\\n\"}\r\n"), std::string("\xff\x00\xfe", 3)}) {
        out.body = body;
        out.reply = RecordedReply{200, body};
        const std::string line = delivery_line(out);
        EXPECT_EQ(line.find('\n'), line.npos);
        const auto in = parse_delivery(line);
        ASSERT_TRUE(in) << in.error().what();
        EXPECT_EQ(in->received_at, out.received_at);
        EXPECT_EQ(in->source, out.source);
        EXPECT_EQ(in->path, out.path);
        EXPECT_EQ(in->headers, out.headers);
        EXPECT_EQ(in->body, body);
        EXPECT_EQ(in->reply->body, body);
    }
}

TEST(DeliveryLine, IsWhatTheContractShows) {
    RecordedDelivery out;
    out.received_at = parse_iso_time("2026-01-09T14:56:48.123Z");
    out.source = "main";
    out.path = "/webhook";
    out.headers = {{"x-webhook-event", "tool-calls"}};
    out.body = "{}";
    out.reply = RecordedReply{200, "{\"a\":1}"};
    EXPECT_EQ(
        delivery_line(out),
        R"({"received_at":"2026-01-09T14:56:48.123Z","source":"main","path":"/webhook",)"
        R"("headers":{"x-webhook-event":"tool-calls"},"body":"{}","reply":{"status":200,"body":"{\"a\":1}"}})");
    out.reply.reset();
    out.body = "\xff";
    EXPECT_EQ(delivery_line(out),
              R"({"received_at":"2026-01-09T14:56:48.123Z","source":"main","path":"/webhook",)"
              R"("headers":{"x-webhook-event":"tool-calls"},"body_base64":"/w=="})");
}

TEST(RequestHead, BecomesPathAndHeaders) {
    RecordedDelivery out;
    read_request_head(
        "POST /hook?a=1 HTTP/1.1\r\nX-Webhook-Event:  a \r\nVia: one\r\nVIA: two\r\nEmpty:\r\nX: "
        "caf\xe9\r\n\r\n",
        out);
    EXPECT_EQ(out.path, "/hook?a=1");
    const std::vector<std::pair<std::string, std::string>> expected{
        {"x-webhook-event", "a"}, {"via", "one, two"}, {"empty", ""}, {"x", "caf\xc3\xa9"}};
    EXPECT_EQ(out.headers, expected);
}

}  // namespace
}  // namespace hookswitch
