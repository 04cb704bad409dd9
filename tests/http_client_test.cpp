#include "daemon/io/http_client.hpp"

#include "tests/support/certificates.hpp"
#include "tests/support/run.hpp"
#include "tests/support/stub_server.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::http_reply;
using test::ServedRequest;
using test::StubServer;

TEST(ParseUrl, TakesItApart) {
    struct {
        const char* text;
        Url::Scheme scheme;
        const char *host, *port, *socket, *target, *peer;
    } const cases[] = {
        {"http://localhost", Url::Scheme::http, "localhost", "80", "", "/", "localhost"},
        {"http://127.0.0.1:8080/webhook", Url::Scheme::http, "127.0.0.1", "8080", "", "/webhook",
         "127.0.0.1:8080"},
        {"http://[::1]:8080/a?b=1", Url::Scheme::http, "::1", "8080", "", "/a?b=1", "[::1]:8080"},
        {"http://[::1]", Url::Scheme::http, "::1", "80", "", "/", "[::1]"},
        {"https://example.com?x", Url::Scheme::https, "example.com", "443", "", "/?x", "example.com"},
        {"https://example.com:80/", Url::Scheme::https, "example.com", "80", "", "/", "example.com:80"},
        {"unix:/run/x.sock", Url::Scheme::unix_socket, "", "", "/run/x.sock", "/", "unix:/run/x.sock"},
        {"unix:/run/x.sock:/w", Url::Scheme::unix_socket, "", "", "/run/x.sock", "/w", "unix:/run/x.sock"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.text);
        auto url = parse_url(c.text);
        ASSERT_TRUE(url) << url.error().what();
        EXPECT_EQ(url->scheme, c.scheme);
        EXPECT_EQ(url->host, c.host);
        EXPECT_EQ(url->port, c.port);
        EXPECT_EQ(url->socket, c.socket);
        EXPECT_EQ(url->target, c.target);
        EXPECT_EQ(url->peer(), c.peer);
    }
}

TEST(ParseUrl, SaysWhyItIsNone) {
    struct {
        const char *text, *error;
    } const cases[] = {
        {"localhost:8080",
         "'localhost:8080' is not a URL to post to: it must begin with http://, https:// or unix:/"},
        {"http://", "'http://' is not a URL to post to: the host is missing"},
        {"http://:80/", "'http://:80/' is not a URL to post to: the host is missing"},
        {"http://[::1/", "'http://[::1/' is not a URL to post to: ']' is missing"},
        {"http://x:0x50", "'http://x:0x50' is not a URL to post to: the port must be a number up to 65535"},
        {"http://x:65536", "'http://x:65536' is not a URL to post to: the port must be a number up to 65535"},
        {"http://[::1]80", "'http://[::1]80' is not a URL to post to: the port must be a number up to 65535"},
        {"http://me:hunter2@x/", "this URL has a user name in it, which is not supported"},
        {"http://x/a b", "'http://x/a b' is not a URL to post to: it has a space or a '#' in it"},
        {"unix:x.sock", "'unix:x.sock' is not a URL to post to: the socket's path must begin with '/'"},
    };
    for (const auto& c : cases) {
        auto url = parse_url(c.text);
        ASSERT_FALSE(url) << c.text;
        EXPECT_EQ(url.error().what(), c.error);
    }
}

class HttpClientTest : public testing::Test {
protected:
    HttpClient client(const std::string& url, HttpClient::Settings settings = {}) {
        return HttpClient::make(ctx_.get_executor(), parse_url(url).value(), settings).value();
    }

    Result<HttpClient::Reply> post(HttpClient& client, std::string body, std::string target = "/") {
        return test::run(ctx_, client.send({std::move(target), {}, std::move(body)}));
    }

    asio::io_context ctx_;
};

TEST_F(HttpClientTest, SendsWhatItWasGivenAndReadsTheReply) {
    std::string seen;
    StubServer server([&](const ServedRequest& request) {
        seen = std::string(request.method_string()) + " " + std::string(request.target()) + " " +
               std::string(request["Host"]) + " " + std::string(request["x-a"]) + " " + request.body();
        return http_reply(201, "pong", "X-Reply: yes\r\n");
    });
    auto http = client("http://" + server.address());
    auto reply = test::run(ctx_, http.send({"/webhook?x=1", {{"X-A", "b c"}}, "ping"}));
    ASSERT_TRUE(reply) << reply.error().what();
    EXPECT_EQ(seen, "POST /webhook?x=1 " + server.address() + " b c ping");
    EXPECT_EQ(reply->status, 201);
    EXPECT_EQ(reply->body, "pong");
    EXPECT_EQ(reply->header("x-reply"), "yes");
    EXPECT_EQ(reply->header("x-other"), "");
}

TEST_F(HttpClientTest, KeepsItsConnection) {
    StubServer server([](const ServedRequest& request) { return http_reply(200, request.body()); });
    auto http = client("http://" + server.address());
    ASSERT_TRUE(test::run(ctx_, http.connect()));
    for (const std::string body : {"one", "two", ""}) EXPECT_EQ(post(http, body)->body, body);
    EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpClientTest, ReadsEveryKindOfLength) {
    const struct {
        const char *reply, *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", "until the end"},
        {"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nold", "old"},
        {"HTTP/1.1 204 No Content\r\n\r\n", ""},
        {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
    };
    std::size_t next = 0;
    StubServer server([&](const ServedRequest&) { return cases[next++].reply; });
    auto http = client("http://" + server.address());
    for (const auto& c : cases) {
        SCOPED_TRACE(c.reply);
        auto reply = post(http, "{}");
        ASSERT_TRUE(reply) << reply.error().what();
        EXPECT_EQ(reply->body, c.body);
    }
}

TEST_F(HttpClientTest, SendsASecondTimeOnlyWhatDoesNoHarm) {
    for (const std::string method : {"GET", "PUT", "DELETE", "POST", "PATCH"}) {
        SCOPED_TRACE(method);
        std::atomic<int> requests{0};
        // The second request on the kept connection is met by silence; a third comes on a new one.
        StubServer server([&](const ServedRequest&) { return ++requests == 2 ? "" : http_reply(200, "ok"); });
        auto http = client("http://" + server.address());
        HttpClient::Request request;
        request.target = "/";
        request.method = method;
        EXPECT_TRUE(test::run(ctx_, http.send(request)));
        bool sent = false;
        const auto reply = test::run(ctx_, http.send(request, &sent));
        EXPECT_TRUE(sent);
        const bool harmless = method != "POST" && method != "PATCH";
        EXPECT_EQ(reply.has_value(), harmless);
        EXPECT_EQ(reply ? "" : reply.error().what(), harmless ? "" : "no reply came: end of stream");
        EXPECT_EQ(requests, harmless ? 3 : 2);
    }
}

TEST_F(HttpClientTest, NoticesThatAKeptConnectionWasClosedBeforeItUsesIt) {
    asio::ip::tcp::acceptor acceptor(ctx_, {asio::ip::make_address("127.0.0.1"), 0});
    auto http = client("http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
    ASSERT_TRUE(test::run(ctx_, http.connect()));
    acceptor.accept().close();  // on the loopback interface its end has arrived when this returns
    std::thread server([&] {
        auto socket = acceptor.accept();
        test::ServedRequest request;
        boost::beast::flat_buffer buffer;
        boost::beast::http::read(socket, buffer, request);
        asio::write(socket, asio::buffer(http_reply(200, "second", "Connection: close\r\n")));
    });
    auto reply = post(http, "x");
    server.join();
    ASSERT_TRUE(reply) << reply.error().what();
    EXPECT_EQ(reply->body, "second");
}

TEST_F(HttpClientTest, SendsALengthWhereThereIsABody) {
    std::string seen;
    StubServer server([&](const ServedRequest& request) {
        seen = std::string(request.method_string()) + " " + std::string(request["Content-Length"]);
        return http_reply(200, "");
    });
    auto http = client("http://" + server.address());
    const struct {
        const char *method, *body, *seen;
    } cases[] = {{"GET", "", "GET "},    {"DELETE", "", "DELETE "},  {"DELETE", "{}", "DELETE 2"},
                 {"POST", "", "POST 0"}, {"PATCH", "{}", "PATCH 2"}, {"PUT", "", "PUT 0"}};
    for (const auto& c : cases) {
        const HttpClient::Request request{"/", {}, c.body, c.method};
        ASSERT_TRUE(test::run(ctx_, http.send(request)));
        EXPECT_EQ(seen, c.seen);
    }
}

TEST_F(HttpClientTest, DoesNotSendWhatIsTooLate) {
    StubServer server([](const ServedRequest&) { return http_reply(200, ""); });
    auto http = client("http://" + server.address());
    ASSERT_TRUE(post(http, "x"));
    HttpClient::Request request;
    request.target = "/";
    request.send_by = std::chrono::steady_clock::now();
    bool sent = true;
    const auto reply = test::run(ctx_, http.send(request, &sent));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), Errc::deadline_exceeded);
    EXPECT_FALSE(sent);
}

TEST_F(HttpClientTest, SendsASecondTimeWhatTheCallerSaysDoesNoHarm) {
    std::atomic<int> requests{0};
    StubServer server([&](const ServedRequest&) { return ++requests == 2 ? "" : http_reply(200, "ok"); });
    auto http = client("http://" + server.address());
    HttpClient::Request request;
    request.target = "/";
    request.may_repeat = true;
    EXPECT_TRUE(test::run(ctx_, http.send(request)));
    EXPECT_TRUE(test::run(ctx_, http.send(request)));
    EXPECT_EQ(requests, 3);
}

TEST_F(HttpClientTest, UsesNoConnectionThatIsTooOldOrWasIdleForTooLong) {
    HttpClient::Settings old, idle;
    old.max_age = idle.max_idle = 0ms;
    for (const auto& settings : {old, idle}) {
        StubServer server([](const ServedRequest&) { return http_reply(200, ""); });
        auto http = client("http://" + server.address(), settings);
        for (int i = 0; i < 3; ++i) ASSERT_TRUE(post(http, "x"));
        EXPECT_EQ(server.connections(), 3);
    }
}

TEST_F(HttpClientTest, RepeatsNothingElse) {
    struct {
        const char *name, *reply;
        int at;  // the request that gets it
    } const cases[] = {
        {"a fresh connection is closed without a reply", "", 1},
        {"a kept one is closed within the reply", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Le", 2},
        {"a kept one answers with something else", "SSH-2.0-x\r\nConnection: close\r\n", 2},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        std::atomic<int> requests{0};
        StubServer server(
            [&](const ServedRequest&) { return ++requests == c.at ? c.reply : http_reply(200, ""); });
        auto http = client("http://" + server.address());
        for (int i = 1; i < c.at; ++i) ASSERT_TRUE(post(http, "x"));
        EXPECT_FALSE(post(http, "x"));
        EXPECT_EQ(requests, c.at);
        EXPECT_TRUE(post(http, "x")) << "a later request gets a new connection";
    }
}

TEST_F(HttpClientTest, ReadsARefusalThatComesBeforeTheBodyIsSent) {
    asio::ip::tcp::acceptor acceptor(ctx_, {asio::ip::make_address("127.0.0.1"), 0});
    const std::string url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    std::thread server([&] {
        auto socket = acceptor.accept();
        asio::write(socket, asio::buffer(http_reply(413, "too large", "Connection: close\r\n")));
        socket.shutdown(asio::socket_base::shutdown_send);
        std::array<char, 65536> sink;
        boost::system::error_code ec;
        while (!ec) socket.read_some(asio::buffer(sink), ec);
    });
    auto http = client(url);
    auto reply = post(http, std::string(8 << 20, 'x'));
    server.join();
    ASSERT_TRUE(reply) << reply.error().what();
    EXPECT_EQ(reply->status, 413);
}

TEST_F(HttpClientTest, GivesUpAtTheTimeout) {
    asio::ip::tcp::acceptor silent(ctx_, {asio::ip::make_address("127.0.0.1"), 0});
    HttpClient::Settings settings;
    settings.timeout = 20ms;
    auto http = client("http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()), settings);
    auto reply = post(http, "x");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), Errc::deadline_exceeded);
}

TEST_F(HttpClientTest, GivesUpWhenNobodyWaitsAnyMore) {
    asio::ip::tcp::acceptor silent(ctx_, {asio::ip::make_address("127.0.0.1"), 0});
    auto http = client("http://127.0.0.1:" + std::to_string(silent.local_endpoint().port()));
    HttpClient::Request request;
    request.target = "/";
    request.until = std::chrono::steady_clock::now() + 20ms;
    const auto reply = test::run(ctx_, http.send(request));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), Errc::deadline_exceeded);
}

TEST_F(HttpClientTest, ReadsNoMoreThanItsLimit) {
    HttpClient::Settings settings;
    settings.max_reply = 100;
    std::string text(100, 'x');
    StubServer server([&](const ServedRequest&) { return http_reply(200, text); });
    auto http = client("http://" + server.address(), settings);
    EXPECT_TRUE(post(http, "x"));
    text += 'x';
    const auto reply = post(http, "x");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), Errc::body_too_large);
}

TEST_F(HttpClientTest, LeavesTheProxyAloneThatIsNotWanted) {
    ::setenv("https_proxy", "socks://192.0.2.1", 1);
    HttpClient::Settings settings;
    const auto url = parse_url("https://service.internal").value();
    EXPECT_FALSE(HttpClient::make(ctx_.get_executor(), url, settings)) << "no proxy that can be used";
    settings.use_proxy = false;
    EXPECT_TRUE(HttpClient::make(ctx_.get_executor(), url, settings));
    ::unsetenv("https_proxy");
}

TEST_F(HttpClientTest, SaysWhomItCouldNotReach) {
    asio::ip::tcp::acceptor gone(ctx_, {asio::ip::make_address("127.0.0.1"), 0});
    const std::string address = "127.0.0.1:" + std::to_string(gone.local_endpoint().port());
    gone.close();
    auto http = client("http://" + address);
    auto connected = test::run(ctx_, http.connect());
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().what(), "connect to " + address + ": Connection refused");

    auto missing = client("unix:/nonexistent.sock");
    EXPECT_EQ(post(missing, "x").error().what(),
              "connect to unix:/nonexistent.sock: No such file or directory");
    auto too_long = client("unix:/" + std::string(200, 'x'));
    EXPECT_FALSE(post(too_long, "x"));
}

TEST_F(HttpClientTest, RefusesToForgeAHead) {
    StubServer server([](const ServedRequest&) { return http_reply(200, ""); });
    auto http = client("http://" + server.address());
    const HttpClient::Request forged[] = {
        {"/ HTTP/1.1\r\nX: y\r\n", {}, ""},
        {"webhook", {}, ""},
        {"/", {{"x-a", "b\r\nc: d"}}, ""},
        {"/", {{"x-a: b\r\nc", "d"}}, ""},
        {"/", {{"", "d"}}, ""},
        {"/", {}, "", "GET / HTTP/1.1\r\nX:"},
        {"/", {}, "", ""},
    };
    for (const auto& request : forged) {
        auto reply = test::run(ctx_, http.send(request));
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), Errc::malformed_body);
    }
    EXPECT_EQ(server.connections(), 0);
}

TEST_F(HttpClientTest, SpeaksOverAUnixSocket) {
    const std::string path = testing::TempDir() + "http_client_test." + std::to_string(getpid()) + ".sock";
    StubServer server([](const ServedRequest& r) { return http_reply(200, std::string(r["Host"])); }, path);
    auto http = client("unix:" + path + ":/webhook");
    auto reply = post(http, "x");
    unlink(path.c_str());
    ASSERT_TRUE(reply) << reply.error().what();
    EXPECT_EQ(reply->body, "localhost");
}

TEST_F(HttpClientTest, ChecksCertificates) {
    const test::TestIdentity identity;
    asio::ssl::context tls(asio::ssl::context::tls_server);
    identity.use_in(tls.native_handle());
    StubServer server([](const ServedRequest&) { return http_reply(200, "private"); }, "", &tls);

    HttpClient::Settings trusting;
    trusting.ca_file = identity.file;
    auto good = client("https://" + server.address(), trusting);
    for (int i = 0; i < 2; ++i) {
        auto reply = post(good, "x");
        ASSERT_TRUE(reply) << reply.error().what();
        EXPECT_EQ(reply->body, "private");
    }
    EXPECT_EQ(server.connections(), 1);

    auto stranger = client("https://" + server.address());
    auto refused = post(stranger, "x");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what().substr(0, 19), "TLS handshake with ");

    auto other_name = client("https://localhost:" + std::to_string(server.port()), trusting);
    EXPECT_FALSE(post(other_name, "x"));

    trusting.ca_file = "/nonexistent.pem";
    EXPECT_FALSE(HttpClient::make(ctx_.get_executor(), parse_url("https://x").value(), trusting))
        << "no such file";
}

}  // namespace
}  // namespace hookswitch
