#include "daemon/core/signature.hpp"

#include "tests/support/base64.hpp"
#include "tests/support/fixtures.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;
using namespace std::chrono_literals;

std::string generated(dom::element generator) {
    std::string body;
    if (generator["kind"].get_string().value() == "byte_formula") {
        for (std::uint64_t i = 0; i < std::uint64_t(generator["length"]); ++i)
            body += static_cast<char>(i % 251);
        return body;
    }
    for (dom::element part : generator["parts"].get_array()) {
        std::int64_t repeat = 0;
        if (part["repeat"].get(repeat)) repeat = 1;
        for (; repeat > 0; --repeat) body += part["utf8"].get_string().value();
    }
    return body;
}

std::string body_of(dom::element vector) {
    std::string_view text;
    if (!vector["body_utf8"].get(text)) return std::string(text);
    if (!vector["body_base64"].get(text)) return test::from_base64(text);
    if (!vector["body_file"].get(text)) return test::fixture(std::string(text));
    return generated(vector["body_generator"]);
}

std::string text_of(dom::element vector, std::string_view key) {
    return std::string(vector[key].get_string().value());
}

TEST(SigningKey, GivesEveryKnownAnswer) {
    dom::parser parser;
    std::size_t seen = 0;
    for (dom::element vector :
         test::json_fixture(parser, "signatures.json")["known_answer_vectors"].get_array()) {
        SCOPED_TRACE(text_of(vector, "name"));
        ++seen;
        const std::string body = body_of(vector);
        ASSERT_EQ(body.size(), std::uint64_t(vector["body_bytes"]));
        const SigningKey key{Secret(text_of(vector, "secret"))};
        EXPECT_EQ("sha256=" + key.sign(text_of(vector, "timestamp"), body),
                  text_of(vector, "expected_header"));
    }
    EXPECT_EQ(seen, 37u);
}

TEST(Verify, GivesEveryVerdictOfTheVectors) {
    dom::parser parser;
    std::size_t seen = 0;
    for (dom::element c : test::json_fixture(parser, "signatures.json")["verification_cases"].get_array()) {
        SCOPED_TRACE(text_of(c, "name"));
        ++seen;
        SignaturePolicy policy;
        policy.keys.emplace_back(Secret(text_of(c, "secret")));
        policy.max_age = std::chrono::seconds(std::int64_t(c["max_age_seconds"]));
        const std::string signature = text_of(c, "signature_header"),
                          timestamp = text_of(c, "timestamp_header");
        const SignatureHeaders headers{signature, timestamp};
        const std::string body = body_of(c);
        const std::chrono::system_clock::time_point now{std::chrono::seconds(std::int64_t(c["now"]))};
        const auto verified = verify(policy, headers, body, now);
        EXPECT_EQ(verified.has_value(), text_of(c, "expect") == "accept");
        if (!verified) {
            EXPECT_EQ(verified.error(), Errc::bad_signature);
        }
    }
    EXPECT_EQ(seen, 30u);
}

const std::chrono::system_clock::time_point kNow{1'700'000'000s};

TEST(Verify, AcceptsAnyCurrentSecret) {
    SignaturePolicy policy;
    for (const char* secret : {"new", "old"}) policy.keys.emplace_back(Secret(secret));
    for (const char* secret : {"new", "old"}) {
        const std::string hex = SigningKey(Secret(secret)).sign("1700000000", "{}");
        const auto body = verify(policy, {hex, "1700000000"}, "{}", kNow);
        ASSERT_TRUE(body) << secret << ": " << body.error().what();
        EXPECT_EQ(body->text(), "{}");
    }
}

TEST(Verify, TellsTheOperatorWhichCheckFailed) {
    SignaturePolicy policy;
    policy.keys.emplace_back(Secret("s"));
    const std::string good = SigningKey(Secret("s")).sign("1700000000", "{}");
    struct {
        std::string_view signature, timestamp;
        std::chrono::seconds later;
        std::string_view why;
    } const cases[] = {
        {"", "1700000000", 0s, "signature missing"},
        {good, "", 0s, "timestamp missing"},
        {good, "soon", 0s, "timestamp is not a number of seconds"},
        {good, "1700000000", 301s, "timestamp is 301 s old"},
        {good, "1700000000", -301s, "timestamp is 301 s in the future"},
        {good, "1700000001", 0s, "signature does not match"},
    };
    for (const auto& c : cases) {
        const auto body = verify(policy, {c.signature, c.timestamp}, "{}", kNow + c.later);
        ASSERT_FALSE(body) << c.why;
        EXPECT_EQ(body.error().what(), c.why);
    }
}

TEST(Verify, WithoutSignaturesTakesEverything) {
    SignaturePolicy policy;
    policy.insecure_no_signature = true;
    EXPECT_TRUE(verify(policy, {}, "{}", kNow));
}

TEST(WithoutNewline, RemovesOneAsEditorsLeaveIt) {
    EXPECT_EQ(without_newline("s\n"), "s");
    EXPECT_EQ(without_newline("s\r\n"), "s");
    EXPECT_EQ(without_newline("s\n\n"), "s\n");
    EXPECT_EQ(without_newline("s "), "s ");
}

}  // namespace
}  // namespace hookswitch
