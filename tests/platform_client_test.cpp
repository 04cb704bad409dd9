// What the platform client says, understands and tries again.

#include "tests/support/platform_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <map>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::answer;
using test::FaultyServer;
using test::Peer;
using test::PlatformTest;

// Answers every request of a connection with what `reply` makes of it; "" closes the connection.
FaultyServer::Play answering(std::function<std::string(const std::string& request)> reply) {
    return [reply = std::move(reply)](Peer& peer) {
        for (std::string request; !(request = peer.read_request()).empty();) {
            const auto bytes = reply(request);
            if (bytes.empty() || !peer.write(bytes)) return;
        }
    };
}

TEST_F(PlatformTest, SaysWhoItIs) {
    std::string seen;
    FaultyServer server(answering([&](const std::string& request) {
        seen = request;
        return answer("200 OK", R"({"success":true})");
    }));
    auto request = post("/calls/" + path_segment("call-_+31612345678_abc123").value() + "/control");
    request.body = R"({"type":"say"})";
    const auto reply = ask(settings(server.address()), request);
    ASSERT_TRUE(reply) << reply.error().what();
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, R"({"success":true})");
    EXPECT_FALSE(reply->rate_limit);
    EXPECT_EQ(seen,
              "POST /api/v1/calls/call-_%2B31612345678_abc123/control HTTP/1.1\r\nHost: " + server.address() +
                  "\r\nAuthorization: Bearer fl_test_key\r\nUser-Agent: hookswitch/" HOOKSWITCH_VERSION
                  "\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
                  "Content-Length: 14\r\n\r\n{\"type\":\"say\"}");

    ASSERT_TRUE(again(get("/calls?limit=2")));
    EXPECT_EQ(seen.substr(0, seen.find("\r\n")), "GET /api/v1/calls?limit=2 HTTP/1.1");
    EXPECT_EQ(seen.find("Content-"), std::string::npos) << seen;
    EXPECT_EQ(server.connections(), 1);

    auto keyless = settings(server.address());
    keyless.api_key = Secret();
    keyless.base_url.target = "/";
    ASSERT_TRUE(ask(keyless, get("/health")));
    EXPECT_EQ(seen.substr(0, seen.find("\r\n")), "GET /health HTTP/1.1");
    EXPECT_EQ(seen.find("Authorization"), std::string::npos);
}

TEST_F(PlatformTest, TakesEveryKindOfSuccess) {
    const struct {
        const char *bytes, *body;
        int status;
    } cases[] = {
        {"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", "{}", 201},
        {"HTTP/1.1 204 No Content\r\n\r\n", "", 204},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nX: y\r\n\r\n",
         "{}", 200},
        {"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
         "{}", 200},
        {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "", 200},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.bytes);
        FaultyServer server(answering([&](const std::string&) { return c.bytes; }));
        const auto reply = ask(settings(server.address()), get());
        ASSERT_TRUE(reply) << reply.error().what();
        EXPECT_EQ(reply->status, c.status);
        EXPECT_EQ(reply->body, c.body);
    }
}

TEST_F(PlatformTest, MakesOneErrorOfEveryRefusal) {
    const struct {
        const char *status, *body, *what;
    } cases[] = {
        {"401 Unauthorized", R"({"error":"Unauthorized","message":"Invalid or missing API key"})",
         "HTTP 401: Unauthorized: Invalid or missing API key"},
        {"404 Not Found", R"({"error":{"code":"not_found","message":"No such call"}})",
         "HTTP 404: No such call (code not_found)"},
        {"502 Bad Gateway", "<html>", "HTTP 502: Bad Gateway"},
        {"301 Moved Permanently", "", "HTTP 301: Moved Permanently"},
        {"409 ", "", "HTTP 409: Conflict"},
    };
    for (const auto& c : cases) {
        FaultyServer server(answering([&](const std::string&) { return answer(c.status, c.body); }));
        const auto reply = ask(settings(server.address()), post());
        ASSERT_FALSE(reply) << c.status;
        EXPECT_EQ(reply.error().what(), c.what);
        EXPECT_FALSE(reply.error().maybe_done || reply.error().expired);
        EXPECT_EQ(server.connections(), 1);
    }
}

TEST_F(PlatformTest, TriesAgainWhatTheProtocolAllows) {
    const std::string kSilence, kEvery[] = {"GET", "PUT", "DELETE", "POST", "PATCH"};
    const struct {
        const char* first;  // the status line's end, or "": the connection is closed
        int harmless, others;
    } cases[] = {
        {"429 Too Many Requests", 3, 3},
        {"500 Internal Server Error", 3, 1},
        {"502 Bad Gateway", 3, 1},
        {"503 Service Unavailable", 3, 1},
        {"504 Gateway Timeout", 3, 1},
        {"", 3, 1},
        {"400 Bad Request", 1, 1},
        {"401 Unauthorized", 1, 1},
        {"402 Payment Required", 1, 1},
        {"403 Forbidden", 1, 1},
        {"404 Not Found", 1, 1},
        {"409 Conflict", 1, 1},
        {"422 Unprocessable Entity", 1, 1},
        {"302 Found", 1, 1},
        {"200 OK", 1, 1},
    };
    for (const auto& c : cases)
        for (const auto& method : kEvery) {
            SCOPED_TRACE(method + " " + c.first);
            std::atomic<int> attempts{0};
            FaultyServer server(answering([&](const std::string&) {
                ++attempts;
                return *c.first ? answer(c.first) : "";
            }));
            auto request = get();
            request.method = method;
            const auto reply = ask(settings(server.address()), request);
            const bool harmless = method != "POST" && method != "PATCH";
            EXPECT_EQ(attempts, harmless ? c.harmless : c.others);
            EXPECT_EQ(reply.has_value(), std::string(c.first) == "200 OK");
            EXPECT_EQ(!reply && reply.error().maybe_done, *c.first == '\0');
        }
}

TEST_F(PlatformTest, SucceedsAtALaterAttempt) {
    std::atomic<int> attempts{0};
    FaultyServer server(answering(
        [&](const std::string&) { return answer(++attempts == 3 ? "200 OK" : "503 Service Unavailable"); }));
    std::vector<std::string> reasons;
    auto request = get();
    request.on_retry = [&](const PlatformError& why, milliseconds) { reasons.push_back(why.what()); };
    EXPECT_TRUE(ask(settings(server.address()), request));
    EXPECT_EQ(reasons, std::vector<std::string>(2, "HTTP 503: Service Unavailable"));
    EXPECT_EQ(server.connections(), 1) << "an error is no reason to close the connection";
}

TEST_F(PlatformTest, BacksOff) {
    FaultyServer server(answering([](const std::string&) { return answer("500 Oops"); }));
    auto patient = settings(server.address());
    patient.retries = 6;
    EXPECT_FALSE(ask(patient, get()));
    EXPECT_EQ(waits, (std::vector<milliseconds>{1ms, 2ms, 4ms, 8ms, 8ms, 8ms}));
}

TEST_F(PlatformTest, WaitsAsLongAsItIsTold) {
    const struct {
        const char* fields;
        milliseconds wait;
    } cases[] = {
        {"Retry-After: 0.02\r\n", 20ms}, {"retry-after: 0\r\n", 0ms},
        {"Retry-After: -5\r\n", 0ms},    {"Retry-After: Wed, 13 Dec 2023 15:00:00 GMT\r\n", 0ms},
        {"Retry-After: later\r\n", 1ms}, {"", 1ms},
    };
    for (const auto& c : cases) {
        std::atomic<int> attempts{0};
        FaultyServer server(answering([&](const std::string&) {
            return ++attempts == 1 ? answer("429 Slow", "{}", c.fields) : answer("200 OK");
        }));
        waits.clear();
        EXPECT_TRUE(ask(settings(server.address()), post()));
        EXPECT_EQ(waits, std::vector<milliseconds>{c.wait}) << c.fields;
    }
}

TEST_F(PlatformTest, CanBeCancelledWhileItWaitsAndDoesNotWaitForEver) {
    FaultyServer server(
        answering([](const std::string&) { return answer("429 Slow", "{}", "Retry-After: 86400\r\n"); }));
    auto made = PlatformClient::make(ctx.get_executor(), settings(server.address())).value();
    asio::cancellation_signal stop;
    milliseconds waited{};
    auto request = post();
    request.on_retry = [&](const PlatformError& why, milliseconds wait) {
        EXPECT_EQ(why.retry_after, 24h);
        waited = wait;
        asio::post(ctx, [&] { stop.emit(asio::cancellation_type::terminal); });
    };
    std::exception_ptr thrown;
    const auto done = [&](std::exception_ptr e, const PlatformResult<PlatformClient::Reply>&) { thrown = e; };
    asio::co_spawn(ctx, made.send(request), asio::bind_cancellation_slot(stop.slot(), done));
    ctx.run();
    EXPECT_TRUE(thrown);
    EXPECT_EQ(waited, 30s);
}

TEST_F(PlatformTest, LeavesARateLimitToWhoKeepsABudget) {
    FaultyServer server(
        answering([](const std::string&) { return answer("429 Slow", "{}", "Retry-After: 7\r\n"); }));
    auto request = post();
    request.retry_rate_limited = false;
    const auto reply = ask(settings(server.address()), request);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().retry_after, 7s);
    EXPECT_TRUE(waits.empty());
}

TEST_F(PlatformTest, ReadsTheRateLimitOfEveryAnswer) {
    std::string status = "200 OK", fields;
    FaultyServer server(answering([&](const std::string&) { return answer(status, "{}", fields); }));
    std::vector<std::int64_t> seen;
    const auto note = [&](const PlatformClient::RateLimit& limit) { seen.push_back(limit.remaining); };
    const std::string kReset = "X-RateLimit-Reset: 1702479600\r\n", kLimit = "X-RateLimit-Limit: 100\r\n";
    fields = kLimit + "X-RateLimit-Remaining: 17\r\n" + kReset;
    const auto reply = ask(settings(server.address()), get(), note);
    ASSERT_TRUE(reply && reply->rate_limit);
    EXPECT_EQ(reply->rate_limit->limit, 100);
    EXPECT_EQ(reply->rate_limit->remaining, 17);
    EXPECT_EQ(reply->rate_limit->reset.time_since_epoch(), 1702479600s);
    for (const char* refused : {"404 Not Found", "429 Slow"}) {
        status = refused;
        EXPECT_FALSE(again(post(), note));
    }
    EXPECT_EQ(seen, std::vector<std::int64_t>(5, 17)) << "429 was tried three times";

    status = "200 OK";
    for (const auto& odd :
         {kLimit + kReset, kLimit + "X-RateLimit-Remaining: many\r\n" + kReset,
          kLimit + "X-RateLimit-Remaining: 1\r\nX-RateLimit-Reset: 99999999999999999\r\n"}) {
        fields = odd;
        const auto plain = again(get(), note);
        EXPECT_TRUE(plain && !plain->rate_limit) << odd;
    }
    EXPECT_EQ(seen.size(), 5u);
}

TEST_F(PlatformTest, SendsNothingThatIsTooLate) {
    FaultyServer server(answering([](const std::string&) { return answer("429 Slow"); }));
    auto request = post();
    request.until = steady_clock::now();
    const auto late = ask(settings(server.address()), request);
    ASSERT_FALSE(late);
    EXPECT_TRUE(late.error().expired);
    EXPECT_EQ(server.connections(), 0);

    auto slow = settings(server.address());
    slow.backoff = 1h;
    request.until = steady_clock::now() + 30min;
    const auto refused = ask(slow, request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status, 429) << "it would be too late after the wait";
    EXPECT_FALSE(refused.error().expired);
    EXPECT_TRUE(waits.empty());
}

TEST_F(PlatformTest, GivesUpConnectingWhenItIsTooLateToSend) {
    FaultyServer server([](Peer& peer) { peer.wait_for_end(); });  // says nothing in the TLS handshake
    auto request = post();
    request.until = steady_clock::now() + 30ms;
    const auto late = ask(settings(server.address(), "https"), request);
    ASSERT_FALSE(late);
    EXPECT_TRUE(late.error().expired) << late.error().what();
    EXPECT_FALSE(late.error().maybe_done);

    auto brief = settings(server.address(), "https");
    brief.connect_timeout = 20ms;
    const auto unconnected = ask(brief, post());
    ASSERT_FALSE(unconnected);
    EXPECT_EQ(unconnected.error().what(), "connect to " + server.address() + ": deadline exceeded");
    EXPECT_FALSE(unconnected.error().expired);
}

TEST_F(PlatformTest, CarriesManyRequestsAtOnce) {
    FaultyServer server(answering([](const std::string& request) {
        return answer("200 OK", request.substr(4, request.find(" HTTP") - 4));
    }));
    auto made = PlatformClient::make(ctx.get_executor(), settings(server.address())).value();
    std::map<std::string, std::string> replies;
    for (int i = 0; i < 20; ++i) {
        const std::string path = "/calls/" + std::to_string(i);
        asio::co_spawn(ctx, made.send(get(path)),
                       [&, path](std::exception_ptr e, const PlatformResult<PlatformClient::Reply>& reply) {
                           if (!e && reply) replies[path] = reply->body;
                       });
    }
    ctx.run();
    EXPECT_EQ(replies.size(), 20u);
    for (const auto& [path, body] : replies) EXPECT_EQ(body, "/api/v1" + path);
}

TEST_F(PlatformTest, RefusesWhatWouldGiveTheKeyAway) {
    const auto error = [&](const std::string& url, const char* key = "k") {
        PlatformSettings odd;
        odd.base_url = parse_url(url).value();
        odd.api_key = Secret(key);
        auto made = PlatformClient::make(ctx.get_executor(), odd);
        return made ? "none" : made.error().what();
    };
    EXPECT_EQ(error("http://api.example.com/v1"),
              "base URL of the platform: the key would be sent for everybody to read: it must begin with "
              "https://");
    EXPECT_EQ(error("https://api.example.com/v1?x"),
              "base URL of the platform: it must not have a '?' in it");
    EXPECT_EQ(error("http://localhost:9090/v1"), "none");
    EXPECT_EQ(error("http://[::1]:9090/v1"), "none");
    EXPECT_EQ(error("https://api.example.com/v1", "two words"),
              "the API key has characters that cannot be sent");
    EXPECT_EQ(error("https://api.example.com/v1", "two\nlines"),
              "the API key has characters that cannot be sent");
}

}  // namespace
}  // namespace hookswitch
