// The platform client against a server that does everything wrong, one byte at a time; TLS that must
// not be trusted; proxies.

#include "tests/support/platform_fixture.hpp"

#include <optional>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::FaultyServer;
using test::Peer;
using test::PlatformTest;
using test::ServerTls;
using test::TestIdentity;

using PlatformFaultsTest = PlatformTest;

TEST_F(PlatformFaultsTest, ReadsWhatComesByteByByte) {
    FaultyServer server([](Peer& peer) {
        peer.read_request();
        for (const char byte : answer("200 OK", R"({"a":"b"})"))
            if (!peer.write({&byte, 1})) return;
    });
    const auto reply = ask(settings(server.address()), post());
    ASSERT_TRUE(reply) << reply.error().what();
    EXPECT_EQ(reply->body, R"({"a":"b"})");
}

TEST_F(PlatformFaultsTest, DoesNotTakeHalfAReplyForAWhole) {
    const std::string kShort = "the reply was cut short: ", kNone = "no reply came: ",
                      kDone = "; it may have been done all the same";
    const struct {
        const char *name, *bytes;
        std::string what;
    } cases[] = {
        {"nothing", "", kNone + "end of stream"},
        {"half a status line", "HTTP/1.1 20", kShort + "partial message"},
        {"half a head", "HTTP/1.1 200 OK\r\nContent-Le", kShort + "partial message"},
        {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\":true}",
         kShort + "partial message"},
        {"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"su",
         kShort + "partial message"},
        {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
         kShort + "partial message"},
        {"only an interim reply", "HTTP/1.1 100 Continue\r\n\r\n", kShort + "end of stream"},
        {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
         "read reply: multiple Content-Length"},
        {"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
         "read reply: bad Content-Length"},
        {"a chunk of no size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
         "read reply: bad chunk"},
        {"garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "read reply: bad version"},
        {"a body that is too large", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{",
         "the reply is too long"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        FaultyServer server([&](Peer& peer) {
            peer.read_request();
            peer.write(c.bytes);
        });
        const auto reply = ask(settings(server.address()), post());
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().status, 0);
        EXPECT_TRUE(reply.error().maybe_done);
        EXPECT_EQ(reply.error().what(), c.what + kDone);
        EXPECT_EQ(server.connections(), 1) << "not tried again";
    }
}

TEST_F(PlatformFaultsTest, DoesNotReadAHeadWithoutEnd) {
    FaultyServer server([](Peer& peer) {
        peer.read_request();
        peer.write("HTTP/1.1 200 OK\r\n");
        const std::string line = "X-Filler: " + std::string(1000, 'x') + "\r\n";
        while (peer.write(line)) {
        }
    });
    const auto reply = ask(settings(server.address()), post());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().message, "read reply: header limit exceeded");
}

TEST_F(PlatformFaultsTest, SaysThatTheConnectionWasReset) {
    for (const bool replied : {false, true}) {
        FaultyServer server([&](Peer& peer) {
            peer.read_request();
            if (replied) peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
            peer.reset();
        });
        const auto reply = ask(settings(server.address()), post());
        ASSERT_FALSE(reply);
        // Whether what came before the RST is still read is up to the kernel.
        EXPECT_NE(reply.error().message.find(": Connection reset by peer"), std::string::npos)
            << reply.error().message;
        EXPECT_TRUE(reply.error().maybe_done);
    }
}

TEST_F(PlatformFaultsTest, WaitsNoLongerThanItsTimeLimit) {
    for (const char* begun :
         {"", "HTTP/1.1 200 OK\r\nContent-L", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"}) {
        SCOPED_TRACE(begun);
        FaultyServer server([&](Peer& peer) {
            peer.read_request();
            peer.write(begun);
            peer.wait_for_end();
        });
        auto brief = settings(server.address());
        brief.timeout = 50ms;
        const auto posted = ask(brief, post());
        ASSERT_FALSE(posted);
        EXPECT_EQ(posted.error().what(), "no reply within 50ms; it may have been done all the same");
        EXPECT_EQ(server.connections(), 1);
        EXPECT_FALSE(ask(brief, get()));
        EXPECT_EQ(server.connections(), 4) << "a GET has three attempts";
    }
}

TEST_F(PlatformFaultsTest, ReachesNobody) {
    std::string address;
    {
        address = FaultyServer([](Peer&) {}).address();
    }
    const auto posted = ask(settings(address), post());
    ASSERT_FALSE(posted);
    EXPECT_EQ(posted.error().what(), "connect to " + address + ": Connection refused");
    EXPECT_FALSE(posted.error().maybe_done);
    EXPECT_TRUE(waits.empty());
    EXPECT_FALSE(ask(settings(address), get()));
    EXPECT_EQ(waits.size(), 2u);
}

// The server closes a kept connection at the moment when it is used again: it has read the request, so it
// may have acted on it.
TEST_F(PlatformFaultsTest, NeverCarriesOutACommandTwice) {
    std::atomic<int> requests{0};
    FaultyServer server([&](Peer& peer) {
        for (int i = 0; i < 2 && !peer.read_request().empty(); ++i) {
            ++requests;
            if (i == 0) peer.write(answer("200 OK"));
        }
    });
    ASSERT_TRUE(ask(settings(server.address()), post()));
    const auto second = again(post());
    ASSERT_FALSE(second);
    EXPECT_TRUE(second.error().maybe_done);
    EXPECT_EQ(requests, 2);
    ASSERT_TRUE(again(post()));
    EXPECT_TRUE(again(get())) << "once more on a new connection";
    EXPECT_EQ(requests, 5);
    EXPECT_TRUE(waits.empty()) << "that is no attempt of its own";
}

TEST_F(PlatformFaultsTest, DoesNotUseAConnectionThatHasMoreToSay) {
    FaultyServer server([](Peer& peer) {
        while (!peer.read_request().empty()) peer.write(answer("200 OK") + "HTTP/1.1 200 OK\r\n");
    });
    EXPECT_TRUE(ask(settings(server.address()), post()));
    EXPECT_TRUE(again(post()));
    EXPECT_EQ(server.connections(), 2);
}

struct PlatformTlsTest : PlatformTest {
    // Answers over TLS, as often as it is asked.
    static FaultyServer::Play serving(ServerTls& tls) {
        return [&tls](Peer& peer) {
            if (!peer.start_tls(tls.get())) return;
            while (!peer.read_request().empty()) peer.write(answer("200 OK"));
        };
    }

    PlatformSettings trusting(const std::string& address, const TestIdentity& identity) {
        auto out = settings(address, "https");
        out.ca_file = identity.file;
        out.retries = 0;
        return out;
    }
};

TEST_F(PlatformTlsTest, KeepsItsConnections) {
    const TestIdentity identity;
    ServerTls tls(identity);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        SSL_CTX_set_max_proto_version(tls.get(), version);
        FaultyServer server(serving(tls));
        ASSERT_TRUE(ask(trusting(server.address(), identity), post()));
        for (int i = 0; i < 3; ++i) EXPECT_TRUE(again(post()));
        EXPECT_EQ(server.connections(), 1);
    }
}

TEST_F(PlatformTlsTest, NoticesAConnectionThatWasClosedInTheMeantime) {
    const TestIdentity identity;
    ServerTls tls(identity);
    for (const bool politely : {true, false}) {
        std::atomic<bool> closed{false};
        FaultyServer server([&](Peer& peer) {
            if (!peer.start_tls(tls.get()) || peer.read_request().empty()) return;
            peer.write(answer("200 OK"));
            if (politely) SSL_shutdown(peer.tls());
            peer.shut_down();
            closed = true;
            closed.notify_all();
        });
        ASSERT_TRUE(ask(trusting(server.address(), identity), post()));
        closed.wait(false);
        EXPECT_TRUE(again(post())) << "a command, on a new connection";
        EXPECT_EQ(server.connections(), 2);
    }
}

TEST_F(PlatformTlsTest, TrustsNobodyElse) {
    const TestIdentity good, expired("IP:127.0.0.1", -60), other_address("IP:127.0.0.2"),
        other_name("DNS:localhost"), part_of_a_name("DNS:127.0.0.1");
    const struct {
        const TestIdentity &shown, &trusted;
        const char* why;
    } cases[] = {
        {expired, expired, "certificate has expired"},
        {other_address, other_address, "IP address mismatch"},
        {other_name, other_name, "IP address mismatch"},
        {part_of_a_name, part_of_a_name, "IP address mismatch"},
        {good, other_address, "self-signed certificate"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.why);
        ServerTls tls(c.shown);
        FaultyServer server(serving(tls));
        const auto reply = ask(trusting(server.address(), c.trusted), post());
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().what(), "TLS handshake with " + server.address() +
                                            ": certificate verify failed (SSL routines): " + c.why);
        EXPECT_FALSE(reply.error().maybe_done);
    }
    ServerTls tls(good);
    FaultyServer server(serving(tls));
    auto system = trusting(server.address(), good);
    system.ca_file.clear();
    EXPECT_FALSE(ask(system, post())) << "the system's authorities know nothing of it";
    const std::string port = server.address().substr(server.address().find(':'));
    const auto other = ask(trusting("localhost" + port, good), post());
    ASSERT_FALSE(other);
    EXPECT_NE(other.error().message.find("hostname mismatch"), std::string::npos) << other.error().message;
}

TEST_F(PlatformTlsTest, SpeaksNothingOlderThanTls12) {
    const TestIdentity identity;
    ServerTls tls(identity);
    tls.at_most(TLS1_1_VERSION);
    FaultyServer server(serving(tls));
    const auto reply = ask(trusting(server.address(), identity), post());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().message.substr(0, 19), "TLS handshake with ");
}

TEST_F(PlatformTlsTest, RefusesToNegotiateAgain) {
    const TestIdentity identity;
    ServerTls tls(identity);
    SSL_CTX_set_max_proto_version(tls.get(), TLS1_2_VERSION);
    std::atomic<int> hellos{0};
    const auto count = [](SSL*, int*, void* counter) {
        ++*static_cast<std::atomic<int>*>(counter);
        return SSL_CLIENT_HELLO_SUCCESS;
    };
    SSL_CTX_set_client_hello_cb(tls.get(), count, &hellos);
    auto server = std::make_unique<FaultyServer>([&](Peer& peer) {
        if (!peer.start_tls(tls.get()) || peer.read_request().empty()) return;
        SSL_renegotiate(peer.tls());
        SSL_do_handshake(peer.tls());  // sends HelloRequest
        peer.write(answer("200 OK"));
        peer.wait_for_end();
    });
    auto brief = trusting(server->address(), identity);
    brief.timeout = 2s;
    ask(brief, post());  // whether there is a reply is up to the server
    client.reset();
    server.reset();
    EXPECT_EQ(hellos, 1);
}

TEST_F(PlatformTlsTest, DoesNotTakeACutTlsStreamForTheEnd) {
    const TestIdentity identity;
    ServerTls tls(identity);
    FaultyServer server([&](Peer& peer) {
        if (!peer.start_tls(tls.get()) || peer.read_request().empty()) return;
        peer.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"success\":");  // ends with the connection
    });
    const auto reply = ask(trusting(server.address(), identity), post());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().message, "the reply was cut short: stream truncated");
}

struct PlatformProxyTest : PlatformTlsTest {
    PlatformProxyTest() { ::unsetenv("no_proxy"); }
    ~PlatformProxyTest() override {
        ::unsetenv("https_proxy");
        ::unsetenv("NO_PROXY");
    }
    static void use(const std::string& proxy) { ::setenv("https_proxy", proxy.c_str(), 1); }
};

TEST_F(PlatformProxyTest, GoesThroughATunnel) {
    const TestIdentity identity("DNS:platform.test");
    ServerTls tls(identity);
    std::string connect, name;
    FaultyServer proxy([&](Peer& peer) {
        connect = peer.read_request();
        peer.write(
            "HTTP/1.1 200 Connection established\r\nContent-Length: 10\r\n\r\n");  // no body all the same
        if (!peer.start_tls(tls.get())) return;  // from here on it plays the platform
        if (const char* asked = SSL_get_servername(peer.tls(), TLSEXT_NAMETYPE_host_name)) name = asked;
        while (!peer.read_request().empty()) peer.write(answer("200 OK", "through"));
    });
    use("http://me:s%20cret@" + proxy.address());
    const auto reply = ask(trusting("platform.test:8443", identity), post());
    ASSERT_TRUE(reply) << reply.error().what();
    EXPECT_EQ(reply->body, "through");
    EXPECT_EQ(connect,
              "CONNECT platform.test:8443 HTTP/1.1\r\nHost: platform.test:8443\r\n"
              "Proxy-Authorization: Basic bWU6cyBjcmV0\r\n\r\n");
    EXPECT_EQ(name, "platform.test");
    EXPECT_TRUE(again(post()));
    EXPECT_EQ(proxy.connections(), 1);
}

TEST_F(PlatformProxyTest, SaysWhatTheProxySaid) {
    const struct {
        const char *bytes, *why;
    } cases[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
         "the proxy answered 407 Proxy Authentication Required"},
        {"", "end of stream"},
        {"what?\r\n\r\n", "bad version"},
        {"HTTP/1.1 200 OK\r\n\r\nhello", "the proxy said too much"},
    };
    for (const auto& c : cases) {
        FaultyServer proxy([&](Peer& peer) {
            peer.read_request();
            peer.write(c.bytes);
        });
        use(proxy.address());
        auto once = settings("platform.test", "https");
        once.retries = 0;
        const auto reply = ask(once, post());
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().what(),
                  "connect to platform.test via proxy " + proxy.address() + ": " + c.why);
        EXPECT_FALSE(reply.error().maybe_done);
    }
}

TEST_F(PlatformProxyTest, IsNotUsedOnTheSameMachineNorWhereItIsExempted) {
    FaultyServer proxy([](Peer&) {});
    use(proxy.address());
    const TestIdentity identity;
    ServerTls tls(identity);
    FaultyServer server(serving(tls));
    EXPECT_TRUE(ask(trusting(server.address(), identity), post()));

    ::setenv("NO_PROXY", "platform.invalid", 1);
    auto brief = settings("platform.invalid", "https");
    brief.retries = 0;
    EXPECT_FALSE(ask(brief, post()));  // there is no such host
    EXPECT_EQ(proxy.connections(), 0);
}

TEST_F(PlatformProxyTest, HasToBeUsable) {
    use("socks5://me:hunter2@127.0.0.1:1");
    auto made = PlatformClient::make(ctx.get_executor(), settings("platform.test", "https"));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().what(),
              "the environment's https_proxy is not a proxy that is spoken to over http://, which alone is "
              "supported");
}

}  // namespace
}  // namespace hookswitch
