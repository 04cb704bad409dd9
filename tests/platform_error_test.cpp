#include "daemon/core/platform_error.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

TEST(PlatformError, ReadsEveryShape) {
    using Details = std::vector<std::string>;
    const struct {
        const char* name;
        int status;
        const char* body;
        const char *code, *message, *extra;
        Details details;
    } cases[] = {
        {"A",
         400,
         R"({"error":{"code":"missing_field","message":"destination is required","param":"destination","type":"validation"}})",
         "missing_field",
         "destination is required",
         R"({"param":"destination","type":"validation"})",
         {}},
        {"B",
         429,
         R"({"error":{"code":"rate_limit_exceeded","message":"Too many requests."}})",
         "rate_limit_exceeded",
         "Too many requests.",
         "",
         {}},
        {"C",
         409,
         R"({"error":"Workflow is used by 2 phone numbers"})",
         "",
         "Workflow is used by 2 phone numbers",
         "",
         {}},
        {"D",
         401,
         R"({"error":"Unauthorized","message":"Invalid or missing API key"})",
         "",
         "Unauthorized: Invalid or missing API key",
         "",
         {}},
        {"D, said twice",
         401,
         R"({"error":"Unauthorized","message":"Unauthorized"})",
         "",
         "Unauthorized",
         "",
         {}},
        {"E",
         400,
         R"({"error":"Invalid workflow definition","details":["no start","loop: a -> a"]})",
         "",
         "Invalid workflow definition",
         "",
         {"no start", "loop: a -> a"}},
        {"E, details of another kind",
         400,
         R"({"error":{"message":"no","details":[{"path":"x"},7]}})",
         "",
         "no",
         "",
         {R"({"path":"x"})", "7"}},
        {"E, details as text", 400, R"({"error":"no","details":"because"})", "", "no", "", {"because"}},
        {"E, details as an object",
         400,
         R"({"error":"no","details":{"a":1}})",
         "",
         "no",
         R"({"details":{"a":1}})",
         {}},
        {"F",
         402,
         R"({"error":"Insufficient credits","message":"Your account has no credits remaining.","balance":0})",
         "",
         "Insufficient credits: Your account has no credits remaining.",
         R"({"balance":0})",
         {}},
        {"G",
         400,
         R"({"error":"Bad","message":null,"param":"limit","type":"validation"})",
         "",
         "Bad",
         R"({"param":"limit","type":"validation"})",
         {}},
        {"H", 502, "<html><body>Bad Gateway</body></html>", "", "Reason", "", {}},
        {"only a message", 500, R"({"message":"boom"})", "", "boom", "", {}},
        {"an object without a message",
         500,
         R"({"error":{"code":"x"},"message":"boom"})",
         "x",
         "boom",
         "",
         {}},
        {"a code that is a number", 500, R"({"error":{"code":17,"message":"boom"}})", "17", "boom", "", {}},
        {"both objects have more",
         500,
         R"({"error":{"message":"m","a":1},"a":2,"b":3})",
         "",
         "m",
         R"({"a":1,"b":3})",
         {}},
        {"null", 500, R"({"error":null})", "", "Reason", "", {}},
        {"mistyped",
         500,
         R"({"error":true,"message":5,"code":"top"})",
         "",
         "Reason",
         R"({"error":true,"message":5,"code":"top"})",
         {}},
        {"empty texts", 500, R"({"error":"","message":""})", "", "Reason", "", {}},
        {"an empty body", 503, "", "", "Reason", "", {}},
        {"no object", 500, R"(["error"])", "", "Reason", "", {}},
        {"cut off", 500, R"({"error":"Some)", "", "Reason", "", {}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto error = read_platform_error(c.status, "Reason", c.body);
        EXPECT_EQ(error.status, c.status);
        EXPECT_EQ(error.code, c.code);
        EXPECT_EQ(error.message, c.message);
        EXPECT_EQ(error.extra, c.extra);
        EXPECT_EQ(error.details, c.details);
        EXPECT_FALSE(error.retry_after || error.maybe_done || error.expired);
    }
    EXPECT_EQ(read_platform_error(599, "", "").message, "the platform gave no reason");
}

TEST(PlatformError, IsReadByPeople) {
    const auto what = [](int status, const char* body) {
        return read_platform_error(status, "Reason", body).what();
    };
    EXPECT_EQ(what(402, R"({"error":"Insufficient credits","message":"None left.","balance":0})"),
              "HTTP 402: Insufficient credits: None left. (balance 0)");
    EXPECT_EQ(what(429, R"({"error":{"code":"rate_limit_exceeded","message":"Slowly"},"retry_after":1.5})"),
              "HTTP 429: Slowly (code rate_limit_exceeded, retry_after 1.5)");
    EXPECT_EQ(what(400, R"({"error":"Invalid","details":["a","b"]})"), "HTTP 400: Invalid: a; b");
    EXPECT_EQ(what(502, "<html>"), "HTTP 502: Reason");
    EXPECT_EQ(what(500, R"({"error":"\u001b[31mred\nalert"})").find('\x1b'), std::string::npos)
        << "does not reach the terminal";
    PlatformError none;
    none.message = "no reply came: Connection reset by peer";
    none.maybe_done = true;
    EXPECT_EQ(none.what(), "no reply came: Connection reset by peer; it may have been done all the same");
}

TEST(ParseRetryAfter, TakesSecondsAndDates) {
    const auto now = std::chrono::system_clock::from_time_t(1'702'479'555);  // 2023-12-13T14:59:15Z
    const struct {
        const char* text;
        std::optional<std::chrono::milliseconds> wait;
    } cases[] = {
        {"45", 45s},
        {" 45\t", 45s},
        {"0", 0s},
        {"1.5", 1500ms},
        {"-3", 0s},
        {"1e30", 1'000'000'000s},
        {"Wed, 13 Dec 2023 15:00:00 GMT", 45s},
        {"Wednesday, 13-Dec-23 15:00:00 GMT", 45s},
        {"Wed Dec 13 15:00:00 2023", 45s},
        {"Wed, 13 Dec 2023 14:00:00 GMT", 0s},
        {"", std::nullopt},
        {"soon", std::nullopt},
        {"nan", std::nullopt},
        {"inf", std::nullopt},
        {"45 s", std::nullopt},
        {"0x10", std::nullopt},
        {"Wed, 13 Dec 2023 15:00:00 CET", std::nullopt},
        {"Wed, 13 Dec 2023 15:00:00 GMT!", std::nullopt},
    };
    for (const auto& c : cases) EXPECT_EQ(parse_retry_after(c.text, now), c.wait) << '"' << c.text << '"';
}

}  // namespace
}  // namespace hookswitch
