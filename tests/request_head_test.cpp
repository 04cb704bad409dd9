#include "daemon/io/request_head.hpp"

#include "daemon/core/signature.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

const std::string kHost = "Host: h\r\n";

// A head with these lines behind the request line; each ends in CR LF.
std::string post(const std::string& fields, const std::string& target = "/webhook") {
    return "POST " + target + " HTTP/1.1\r\n" + fields + "\r\n";
}

// ---- HeadScanner ----

std::string scan_all(std::string_view text, const HeadLimits& limits = {}) {
    HeadScanner scanner;
    const auto r = scanner.scan(text, limits);
    return r ? std::to_string(*r) : r.error().what();
}

std::string scan_bytewise(std::string_view text, const HeadLimits& limits = {}) {
    HeadScanner scanner;
    for (std::size_t came = 1; came <= text.size(); ++came) {
        const auto r = scanner.scan(text.substr(0, came), limits);
        if (!r) return r.error().what();
        if (*r > 0) return std::to_string(*r);
    }
    return "0";
}

TEST(HeadScanner, FindsTheEndWhereverTheReadsFall) {
    const std::string head = post(kHost + "X-A: b\r\n");
    const std::string stream = head + "{\"body\":1}\nGET / HTTP/1.1\r\n\r\n";
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        SCOPED_TRACE(cut);
        HeadScanner scanner;
        const auto first = scanner.scan(stream.substr(0, cut), {});
        ASSERT_TRUE(first) << first.error().what();
        ASSERT_EQ(*first, cut < head.size() ? 0 : head.size());
        if (*first > 0) continue;
        EXPECT_EQ(scanner.scan(stream, {}).value(), head.size());
    }
    EXPECT_EQ(scan_bytewise(stream), std::to_string(head.size()));
}

TEST(HeadScanner, BeginsAnewAfterReset) {
    HeadScanner scanner;
    const std::string first = post(kHost), second = "GET / HTTP/1.0\r\n\r\n";
    EXPECT_EQ(scanner.scan(first, {}).value(), first.size());
    scanner.reset();
    EXPECT_EQ(scanner.scan(second, {}).value(), second.size());
}

TEST(HeadScanner, RefusesAsSoonAsItIsWrong) {
    struct {
        const char* name;
        std::string text;
        const char* why;
    } const cases[] = {
        {"TLS", "\x16", "does not begin with a method"},
        {"zeros", "\0"s, "does not begin with a method"},
        {"empty line first", "\r", "does not begin with a method"},
        {"space first", " POST", "does not begin with a method"},
        {"digit first", "1", "does not begin with a method"},
        {"bare LF after the request line", "POST / HTTP/1.1\n", "a line does not end in CR LF"},
        {"bare LF after a field", "POST / HTTP/1.1\r\nHost: h\n", "a line does not end in CR LF"},
        {"bare LF in a field", "POST / HTTP/1.1\r\nA: b\nC: d\r\n", "a line does not end in CR LF"},
        {"bare LF ends the head", "POST / HTTP/1.1\r\nHost: h\r\n\n", "a line does not end in CR LF"},
        {"folded", "POST / HTTP/1.1\r\nA: b\r\n c\r\n", "a field is folded"},
        {"folded with a tab", "POST / HTTP/1.1\r\nA: b\r\n\tc\r\n", "a field is folded"},
        {"folded first field", "POST / HTTP/1.1\r\n Host: h\r\n", "a field is folded"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(scan_all(c.text), c.why);
        EXPECT_EQ(scan_bytewise(c.text), c.why);
        HeadScanner scanner;
        EXPECT_EQ(scanner.scan(c.text, {}).error(), Errc::bad_request);
    }
}

TEST(HeadScanner, HoldsItsLimitToTheByte) {
    const std::string head = post(kHost);
    const std::string stream = head + std::string(1000, 'x');
    EXPECT_EQ(scan_all(stream, {head.size(), 100}), std::to_string(head.size()));
    EXPECT_EQ(scan_bytewise(stream, {head.size(), 100}), std::to_string(head.size()));
    const HeadLimits less{head.size() - 1, 100};
    const std::string why = "request head over " + std::to_string(less.bytes) + " bytes";
    EXPECT_EQ(scan_all(stream, less), why);
    EXPECT_EQ(scan_bytewise(stream, less), why);
    EXPECT_EQ(scan_all(stream.substr(0, less.bytes), less), why) << "there is nothing to wait for";
    HeadScanner scanner;
    EXPECT_EQ(scanner.scan(stream, less).error(), Errc::head_too_large);
}

// ---- parse_head ----

TEST(ParseHead, ReadsWhatIsNeeded) {
    const std::string text = post(
        "hOsT: hooks.example.com\r\nContent-Length:  12 \r\nX-Webhook-Signature: sha256=ab\r\n"
        "x-webhook-timestamp: 17\r\nX-Webhook-Event: tool-calls\r\nExpect: 100-Continue\r\n"
        "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=a\r\nX-FORWARDED-FOR: 192.0.2.2\r\nForwarded: "
        "for=b\r\n",
        "/webhook?a=b");
    const auto head = parse_head(text, {});
    ASSERT_TRUE(head) << head.error().what();
    EXPECT_EQ(head->method, "POST");
    EXPECT_EQ(head->target, "/webhook?a=b");
    EXPECT_EQ(head->path, "/webhook");
    EXPECT_EQ(head->content_length, 12u);
    EXPECT_EQ(head->signature, "sha256=ab");
    EXPECT_EQ(head->timestamp, "17");
    EXPECT_EQ(head->event, "tool-calls");
    EXPECT_EQ(head->x_forwarded_for, "192.0.2.1, 192.0.2.2");
    EXPECT_EQ(head->forwarded, "for=a, for=b");
    EXPECT_TRUE(head->expect_continue && head->keep_alive);
    EXPECT_FALSE(head->http10 || head->chunked);
}

TEST(ParseHead, LeavesOutWhatIsAbsent) {
    const std::string text = post(kHost);
    const auto head = parse_head(text, {}).value();
    EXPECT_EQ(head.content_length, std::nullopt);
    EXPECT_TRUE(head.signature.empty() && head.timestamp.empty() && head.event.empty());
    EXPECT_TRUE(head.x_forwarded_for.empty() && head.forwarded.empty());
    EXPECT_FALSE(head.expect_continue || head.chunked);
}

TEST(ParseHead, FindsThePathInEveryFormOfTarget) {
    struct {
        const char *target, *path;
    } const cases[] = {
        {"/webhook", "/webhook"},
        {"/webhook?x=/y#z", "/webhook"},
        {"/webhook#z", "/webhook"},
        {"/", "/"},
        {"//webhook", "//webhook"},
        {"/web%68ook", "/web%68ook"},
        {"http://h/webhook?x", "/webhook"},
        {"HTTPS://h:8443/webhook", "/webhook"},
        {"http://h", "/"},
        {"http://h/", "/"},
        {"http://u@h//webhook", "//webhook"},
        {"*", "*"},
        {"h:443", "h:443"},
        {"ftp://h/webhook", "ftp://h/webhook"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.target);
        const std::string text = post(kHost, c.target);
        const auto head = parse_head(text, {});
        ASSERT_TRUE(head) << head.error().what();
        EXPECT_EQ(head->path, c.path);
        EXPECT_EQ(head->target, c.target);
    }
}

TEST(ParseHead, KnowsHowTheConnectionGoesOn) {
    struct {
        const char *version, *fields;
        bool keep_alive;
    } const cases[] = {
        {"1.1", "", true},
        {"1.1", "Connection: keep-alive\r\n", true},
        {"1.1", "Connection: Close\r\n", false},
        {"1.1", "Connection: keep-alive, close\r\n", false},
        {"1.1", "Connection: x\r\nConnection: close\r\n", false},
        {"1.0", "", false},
        {"1.0", "Connection: Keep-Alive\r\n", true},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.version + " "s + c.fields);
        const std::string text = "POST / HTTP/"s + c.version + "\r\n" + kHost + c.fields + "\r\n";
        const auto head = parse_head(text, {});
        ASSERT_TRUE(head) << head.error().what();
        EXPECT_EQ(head->keep_alive, c.keep_alive);
        EXPECT_EQ(head->http10, c.version == "1.0"s);
    }
}

TEST(ParseHead, ExpectsOnlyWhatItKnows) {
    const std::string text = post(kHost + "Expect: 200-maybe\r\n");
    EXPECT_FALSE(parse_head(text, {}).value().expect_continue);
}

// Whatever could be read in two ways is refused; where the sentence is ours, it is compared too.
TEST(ParseHead, RefusesEveryDoubtAboutTheLength) {
    const std::string length = "Content-Length: 5\r\n", chunked = "Transfer-Encoding: chunked\r\n";
    struct {
        const char* name;
        std::string fields;
        const char* why;  // nullptr: the library's words
    } const cases[] = {
        {"length then chunked", length + chunked, nullptr},
        {"chunked then length", chunked + length, nullptr},
        {"length zero and chunked", "Content-Length: 0\r\n" + chunked, nullptr},
        {"same length twice", length + length, "Content-Length given twice"},
        {"same length, other case", length + "content-length: 5\r\n", "Content-Length given twice"},
        {"two lengths", length + "Content-Length: 6\r\n", nullptr},
        {"list of lengths", "Content-Length: 5, 5\r\n", "Content-Length is not a number"},
        {"empty length", "Content-Length:\r\n", nullptr},
        {"blank length", "Content-Length:  \t \r\n", nullptr},
        {"signed length", "Content-Length: +5\r\n", nullptr},
        {"negative length", "Content-Length: -5\r\n", nullptr},
        {"hexadecimal length", "Content-Length: 0x5\r\n", nullptr},
        {"length with a fraction", "Content-Length: 5.0\r\n", nullptr},
        {"length with space inside", "Content-Length: 5 5\r\n", nullptr},
        {"length with a comma", "Content-Length: 5,\r\n", nullptr},
        {"quoted length", "Content-Length: \"5\"\r\n", nullptr},
        {"length of 2^64", "Content-Length: 18446744073709551616\r\n", nullptr},
        {"length of 2^64 + 5", "Content-Length: 18446744073709551621\r\n", nullptr},
        {"long length", "Content-Length: " + std::string(400, '9') + "\r\n", nullptr},
        {"space before the colon", "Content-Length : 5\r\n", nullptr},
        {"tab before the colon", "Content-Length\t: 5\r\n", nullptr},
        {"chunked twice", chunked + chunked, nullptr},
        {"chunked, chunked", "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding is not 'chunked'"},
        {"gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding is not 'chunked'"},
        {"chunked, identity", "Transfer-Encoding: chunked, identity\r\n",
         "Transfer-Encoding is not 'chunked'"},
        {"identity", "Transfer-Encoding: identity\r\n", "Transfer-Encoding is not 'chunked'"},
        {"chunked then identity", chunked + "Transfer-Encoding: identity\r\n", nullptr},
        {"xchunked", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding is not 'chunked'"},
        {"quoted", "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding is not 'chunked'"},
        {"parameter", "Transfer-Encoding: chunked;q=1\r\n", "Transfer-Encoding is not 'chunked'"},
        {"vertical tab",
         "Transfer-Encoding: \x0b"
         "chunked\r\n",
         nullptr},
        {"empty coding", "Transfer-Encoding:\r\n", "Transfer-Encoding is not 'chunked'"},
        {"empty coding and length", "Transfer-Encoding:\r\n" + length, "Transfer-Encoding is not 'chunked'"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto head = parse_head(post(kHost + c.fields), {});
        ASSERT_FALSE(head);
        EXPECT_EQ(head.error(), Errc::bad_request);
        EXPECT_EQ(head.error().what(), c.why ? c.why : head.error().what());
    }
}

TEST(ParseHead, RefusesWhatIsNoHead) {
    const std::string nul(1, '\0');
    struct {
        const char* name;
        std::string text;
    } const cases[] = {
        {"empty", ""},
        {"not whole", "POST / HTTP/1.1\r\nHost: h\r\n"},
        {"HTTP/0.9", "GET /webhook\r\n\r\n"},
        {"HTTP/2.0", "POST / HTTP/2.0\r\n" + kHost + "\r\n"},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n"},
        {"HTTP/1.10", "POST / HTTP/1.10\r\n" + kHost + "\r\n"},
        {"other protocol", "POST / ICY/1.1\r\n" + kHost + "\r\n"},
        {"lower-case protocol", "POST / http/1.1\r\n" + kHost + "\r\n"},
        {"two spaces", "POST  / HTTP/1.1\r\n" + kHost + "\r\n"},
        {"tabs", "POST\t/\tHTTP/1.1\r\n" + kHost + "\r\n"},
        {"space in the target", "POST /a b HTTP/1.1\r\n" + kHost + "\r\n"},
        {"space at the end", "POST / HTTP/1.1 \r\n" + kHost + "\r\n"},
        {"no target", "POST HTTP/1.1\r\n" + kHost + "\r\n"},
        {"an answer", "HTTP/1.1 200 OK\r\n" + kHost + "\r\n"},
        {"NUL in the target", "POST /" + nul + " HTTP/1.1\r\n" + kHost + "\r\n"},
        {"bracket in the method", "PO(ST / HTTP/1.1\r\n" + kHost + "\r\n"},
        {"no colon", post(kHost + "X-Any\r\n")},
        {"no name", post(kHost + ": a\r\n")},
        {"space in a name", post(kHost + "X Any: a\r\n")},
        {"space before a colon", post(kHost + "X-Any : a\r\n")},
        {"NUL in a name", post(kHost + "X-" + nul + ": a\r\n")},
        {"NUL in a value", post(kHost + "X-Any: a" + nul + "b\r\n")},
        {"control in a value", post(kHost + "X-Any: a\x01"
                                            "b\r\n")},
        {"delete in a value", post(kHost + "X-Any: a\x7f"
                                           "b\r\n")},
        {"lone CR in a value", post(kHost + "X-Any: a\rContent-Length: 0\r\n")},
        {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto head = parse_head(c.text, {});
        ASSERT_FALSE(head);
        EXPECT_EQ(head.error(), Errc::bad_request);
    }
}

TEST(ParseHead, WantsOneHost) {
    const auto refusal = [](const std::string& text) {
        const auto head = parse_head(text, {});
        return head ? "none" : head.error().what();
    };
    EXPECT_EQ(refusal(post("")), "Host missing");
    EXPECT_EQ(refusal(post("", "http://h/webhook")), "Host missing");
    EXPECT_EQ(refusal(post(kHost + "host: h\r\n")), "Host given twice");
    EXPECT_EQ(refusal(post("Host:\r\nHost: h\r\n")), "Host given twice");
    EXPECT_EQ(refusal(post("Host:\r\n")), "none") << "RFC 9112, 3.2: empty when the target has no authority";
    EXPECT_EQ(refusal("POST / HTTP/1.0\r\n\r\n"), "none");
    EXPECT_EQ(refusal("POST / HTTP/1.0\r\n" + kHost + kHost + "\r\n"), "Host given twice");
}

TEST(ParseHead, CountsFields) {
    const std::string text = post(kHost + "A: 1\r\nB: 2\r\n");
    EXPECT_TRUE(parse_head(text, {16384, 3}));
    const auto head = parse_head(text, {16384, 2});
    ASSERT_FALSE(head);
    EXPECT_EQ(head.error(), Errc::head_too_large);
    EXPECT_EQ(head.error().what(), "too many header fields");
}

TEST(ParseHead, TakesAsMuchAsItsLimitsAllow) {
    const HeadLimits limits{1 << 20, 10'000};
    const std::string text =
        post(kHost + "X-Long: " + std::string(500'000, 'a') + "\r\nContent-Length: 7\r\n");
    const auto head = parse_head(text, limits);
    ASSERT_TRUE(head) << head.error().what();
    EXPECT_EQ(head->content_length, 7u);
}

// Whoever can add a header to a signed request must not get to choose which of two is believed.
TEST(ParseHead, NeverVerifiesAProofGivenTwice) {
    const Secret secret("s3cret");
    const SignaturePolicy policy{{SigningKey(secret)}, 300s};
    const std::chrono::system_clock::time_point now(1'700'000'000s);
    const std::string signature =
        "X-Webhook-Signature: " + SigningKey(secret).sign("1700000000", "{}") + "\r\n";
    const std::string timestamp = "X-Webhook-Timestamp: 1700000000\r\n";
    const std::string bad_signature = "x-webhook-signature: " + std::string(64, '0') + "\r\n";
    const std::string bad_timestamp = "x-webhook-timestamp: 1\r\n";
    struct {
        const char* name;
        std::string fields;
        bool proved;
    } const cases[] = {
        {"once each", signature + timestamp, true},
        {"same signature twice", signature + signature + timestamp, false},
        {"same timestamp twice", signature + timestamp + timestamp, false},
        {"good signature first", signature + bad_signature + timestamp, false},
        {"good signature last", bad_signature + signature + timestamp, false},
        {"good timestamp first", signature + timestamp + bad_timestamp, false},
        {"good timestamp last", bad_timestamp + signature + timestamp, false},
        {"empty signature first", "X-Webhook-Signature:\r\n" + signature + timestamp, false},
        {"empty signature last", signature + timestamp + "X-Webhook-Signature:\r\n", false},
        {"three signatures", signature + signature + signature + timestamp, false},
        {"no signature", timestamp, false},
        {"no timestamp", signature, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const std::string text = post(kHost + c.fields);
        const auto head = parse_head(text, {});
        ASSERT_TRUE(head) << head.error().what();
        EXPECT_EQ(verify(policy, {head->signature, head->timestamp}, "{}", now).has_value(), c.proved);
    }
}

// ---- ChunkDecoder ----

struct Decoded {
    std::string body, refusal;
    std::size_t used = 0;
    bool done = false;
    bool operator==(const Decoded&) const = default;
};

// Gives `coded` in steps of this size; what is not used is given again with more behind it.
Decoded decode(std::string_view coded, std::size_t step, std::size_t max_body = 1000) {
    Decoded out;
    ChunkDecoder decoder(max_body);
    for (std::size_t came = 0; came < coded.size() && !decoder.done();) {
        came = std::min(came + step, coded.size());
        const std::string in(coded.substr(out.used, came - out.used));
        const auto used = decoder.feed(in, out.body);
        if (!used) {
            out.refusal = used.error() == Errc::body_too_large ? "too large" : "bad";
            return out;
        }
        out.used += *used;
    }
    out.done = decoder.done();
    return out;
}

TEST(ChunkDecoder, DecodesWhereverTheReadsFall) {
    struct {
        const char* name;
        std::string coded, body;
    } const cases[] = {
        {"nothing", "0\r\n\r\n", ""},
        {"one", "5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"several", "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n", "hello world"},
        {"hexadecimal of either case", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
         "01234567890123456789"},
        {"leading zeros", "0005\r\nhello\r\n000\r\n\r\n", "hello"},
        {"extensions", "5;a\r\nhello\r\n1;b=c;d=\"e;\"\r\n!\r\n0;f\r\n\r\n", "hello!"},
        {"trailers", "5\r\nhello\r\n0\r\nX-A: 1\r\nX-B:\r\n\r\n", "hello"},
        {"line ends in the data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
        {"what looks like the end in the data", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"},
    };
    for (const auto& c : cases) {
        const std::string next = "POST / HTTP/1.1\r\n";
        for (std::size_t step = 1; step <= c.coded.size() + next.size(); ++step) {
            SCOPED_TRACE(c.name + " in steps of "s + std::to_string(step));
            EXPECT_EQ(decode(c.coded + next, step), (Decoded{c.body, "", c.coded.size(), true}));
        }
        for (std::size_t length = 0; length < c.coded.size(); ++length)
            EXPECT_FALSE(decode(c.coded.substr(0, length), 1).done) << c.name << " cut at " << length;
    }
}

TEST(ChunkDecoder, DecodesEveryCutInTwo) {
    const std::string coded = "b;x=\"y\"\r\nhello world\r\n0\r\nX-A: 1\r\n\r\n";
    for (std::size_t cut = 0; cut <= coded.size(); ++cut) {
        SCOPED_TRACE(cut);
        ChunkDecoder decoder(1000);
        std::string body;
        const auto first = decoder.feed(std::string_view(coded).substr(0, cut), body);
        ASSERT_TRUE(first) << first.error().what();
        const auto second = decoder.feed(std::string_view(coded).substr(*first), body);
        ASSERT_TRUE(second) << second.error().what();
        EXPECT_TRUE(decoder.done());
        EXPECT_EQ(*first + *second, coded.size());
        EXPECT_EQ(body, "hello world");
    }
}

TEST(ChunkDecoder, RefusesWhatIsNotChunked) {
    struct {
        const char* name;
        std::string coded;
    } const cases[] = {
        {"not hexadecimal", "zz\r\nhello"},
        {"empty size", "\r\nhello\r\n"},
        {"negative", "-5\r\nhello\r\n"},
        {"plus", "+5\r\nhello\r\n"},
        {"0x", "0x5\r\nhello\r\n0\r\n\r\n"},
        {"leading space", " 5\r\nhello\r\n0\r\n\r\n"},
        {"two sizes", "5 5\r\nhello\r\n0\r\n\r\n"},
        {"junk after the data", "5\r\nhelloXX0\r\n\r\n"},
        {"no line end after the data", "5\r\nhello0\r\n\r\n\r\n"},
        {"LF after the size", "5\nhello\r\n0\r\n\r\n"},
        {"CR after the size", "5\rXhello\r\n0\r\n\r\n"},
        {"LF after the data", "5\r\nhello\n0\r\n\r\n"},
        {"LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"},
        {"LF in the last extension", "5\r\nhello\r\n0;a\nb\r\n\r\n"},
        {"LFs at the end", "5\r\nhello\r\n0\n\n\r\n\r\n"},
        {"2^64", "10000000000000005\r\nhello\r\n0\r\n\r\n"},
        {"2^68", "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n"},
        {"LF in a quoted extension", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"},
        {"LF in the last quoted extension", "5\r\nhello\r\n0;a=\"\n\"\r\n\r\n"},
        {"NUL in a quoted extension", "5;a=\"" + std::string(1, '\0') + "\"\r\nhello\r\n0\r\n\r\n"},
        {"folded trailer that begins empty", "5\r\nhello\r\n0\r\nX-T: \r\n b\r\n\r\n"},
        {"folded trailer that is empty", "5\r\nhello\r\n0\r\nX-T:\r\n\t\r\n\r\n"},
        {"folded trailer", "5\r\nhello\r\n0\r\nX-T: a\r\n b\r\n\r\n"},
        {"trailer without a colon", "5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\n\r\n"},
        {"space before a trailer's colon", "5\r\nhello\r\n0\r\nX-T : a\r\n\r\n"},
        {"LF in a trailer", "5\r\nhello\r\n0\r\nX-T: a\nX-U: b\r\n\r\n"},
        {"NUL in a trailer", "5\r\nhello\r\n0\r\nX-T: a" + std::string(1, '\0') + "\r\n\r\n"},
        {"a length as trailer", "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"},
        {"a coding as trailer", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    };
    for (const auto& c : cases) {
        for (std::size_t step = 1; step <= c.coded.size(); ++step) {
            SCOPED_TRACE(c.name + " in steps of "s + std::to_string(step));
            const auto out = decode(c.coded, step);
            EXPECT_FALSE(out.done);
            EXPECT_EQ(out.refusal, "bad");
        }
    }
}

TEST(ChunkDecoder, HoldsItsLimitToTheByte) {
    const std::string coded = "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n";
    for (std::size_t step = 1; step <= coded.size(); ++step) {
        SCOPED_TRACE(step);
        EXPECT_TRUE(decode(coded, step, 10).done);
        EXPECT_EQ(decode(coded, step, 9).refusal, "too large");
        EXPECT_EQ(decode("ffffffffffffffff\r\nhello", step, 9).refusal, "too large");
        EXPECT_EQ(decode("5\r\nhello\r\nfffffffffffffffb\r\n\r\n", step, 9).refusal, "too large");
    }
}

}  // namespace
}  // namespace hookswitch
