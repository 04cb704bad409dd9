#include "tests/support/config_file.hpp"

#include <algorithm>
#include <variant>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

struct HttpConfigTest : test::ConfigFileTest {
    std::string faults(const std::string& lines) const {
        return mistakes_after_source("[[handler]]\nname = \"crm\"\ntype = \"http\"\n" + lines);
    }
    HttpUpstreamSettings read(const std::string& lines) const {
        const auto config = parsed(kSource + "[[handler]]\nname = \"crm\"\ntype = \"http\"\n" + lines);
        return std::get<HttpUpstreamSettings>(config.handlers.at(0).handler);
    }
};

TEST_F(HttpConfigTest, NeedsOnlyAUrl) {
    const auto settings = read("url = \"http://crm.internal:8080/hook\"\n");
    EXPECT_EQ(settings.name, "crm");
    EXPECT_EQ(settings.url.peer(), "crm.internal:8080");
    EXPECT_EQ(settings.url.target, "/hook");
    EXPECT_FALSE(settings.key);
    EXPECT_FALSE(settings.raw);
    EXPECT_EQ(settings.bulkhead, (BulkheadSettings{64, 200}));
    EXPECT_EQ(settings.connect_timeout, 2s);
    EXPECT_EQ(settings.max_answer, std::size_t{1} << 20);
    EXPECT_EQ(settings.breaker, (CircuitBreakerSettings{5, 5s}));
}

TEST_F(HttpConfigTest, TakesWhatItIsTold) {
    write("inner", "inner-secret\n");
    write("fields", "Authorization: Bearer t0ken\r\n\nX-Tenant:a\n");
    const auto settings = read(R"(url = "unix:/run/crm.sock:/hook"
secret_file = "inner"
headers_file = "fields"
forward = "raw"
concurrency = 3
queue = 4
connect_timeout = "100ms"
max_answer = "2KiB"
breaker_failures = 0
breaker_pause = "1m"
)");
    EXPECT_EQ(settings.url.socket, "/run/crm.sock");
    ASSERT_TRUE(settings.key);
    EXPECT_EQ(settings.key->sign("1", "x"), SigningKey(Secret("inner-secret")).sign("1", "x"));
    ASSERT_EQ(settings.headers.size(), 2U);
    EXPECT_EQ(settings.headers[0].first, "Authorization");
    EXPECT_EQ(settings.headers[0].second.reveal(), "Bearer t0ken");
    EXPECT_EQ(settings.headers[1].second.reveal(), "a");
    EXPECT_TRUE(settings.raw);
    EXPECT_EQ(settings.bulkhead, (BulkheadSettings{3, 4}));
    EXPECT_EQ(settings.connect_timeout, 100ms);
    EXPECT_EQ(settings.max_answer, 2048U);
    EXPECT_EQ(settings.breaker, (CircuitBreakerSettings{0, 60s}));
}

TEST_F(HttpConfigTest, ReportsItsMistakes) {
    write("fields", "Authorization: Bearer t0ken\nno field\nHost: x\nX Y: 1\n");
    write("not.pem", "-----BEGIN NOTHING-----\n");
    EXPECT_EQ(faults(""), "c.toml:5:1: handler[0].url: missing");
    EXPECT_EQ(faults("url = \"crm:80\"\nforward = \"body\"\nconcurrency = 0\nworkers = 2\n"),
              "c.toml:8:7: handler[0].url: 'crm:80' is not a URL to post to: it must begin with http://, "
              "https:// or unix:/\n"
              "c.toml:9:11: handler[0].forward: 'body' is not one of: event, raw\n"
              "c.toml:10:15: handler[0].concurrency: must be between 1 and 10000\n"
              "c.toml:11:1: handler[0].workers: unknown key; known here: name, type, ordered, retry, url, "
              "ca_file, secret_file, headers_file, forward, concurrency, queue, connect_timeout, max_answer, "
              "breaker_failures, breaker_pause");
    EXPECT_EQ(faults("url = \"http://crm\"\nca_file = \"not.pem\"\n"),
              "c.toml:9:11: handler[0].ca_file: only a url of https:// has a use for it");
    EXPECT_EQ(faults("url = \"https://crm\"\nsecret_file = \"nowhere\"\nheaders_file = \"fields\"\n"),
              "c.toml:9:15: handler[0].secret_file: open nowhere: No such file or directory\n"
              "c.toml:10:16: handler[0].headers_file: line 2 is not a header field such as \"Authorization: "
              "Bearer TOKEN\"\n"
              "c.toml:10:16: handler[0].headers_file: line 3 sets Host, which is not yours to set\n"
              "c.toml:10:16: handler[0].headers_file: line 4 is not a header field such as \"Authorization: "
              "Bearer TOKEN\"");
    for (const char* file : {"not.pem", "nowhere"}) {
        const auto mistake = faults("url = \"https://crm\"\nca_file = \"" + std::string(file) + "\"\n");
        EXPECT_TRUE(mistake.starts_with("c.toml:9:11: handler[0].ca_file: load certificate authorities " +
                                        std::string(file) + ": "))
            << mistake;
    }
}

}  // namespace
}  // namespace hookswitch
