#include "daemon/core/http_proxy.hpp"

#include <gtest/gtest.h>

#include <map>

namespace hookswitch {
namespace {

using Variables = std::map<std::string, std::string>;

Result<std::optional<HttpProxy>> proxy(const char* url, const Variables& variables) {
    return proxy_for(parse_url(url).value(), [&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    });
}

// "host:port" or "none".
std::string chosen(const char* url, const Variables& variables) {
    const auto result = proxy(url, variables);
    if (!result) return result.error().what();
    return *result ? (*result)->url.host + ":" + (*result)->url.port : "none";
}

TEST(HttpProxy, IsChosenByTheScheme) {
    const Variables all{
        {"https_proxy", "http://s:1"}, {"http_proxy", "http://p:2"}, {"ALL_PROXY", "http://a:3"}};
    EXPECT_EQ(chosen("https://example.com", all), "s:1");
    EXPECT_EQ(chosen("http://example.com", all), "p:2");
    EXPECT_EQ(chosen("https://example.com", {{"HTTPS_PROXY", "http://s"}}), "s:80");
    EXPECT_EQ(chosen("https://example.com", {{"HTTPS_PROXY", "upper:1"}, {"https_proxy", "lower:1"}}),
              "lower:1");
    EXPECT_EQ(chosen("https://example.com", {{"https_proxy", ""}, {"all_proxy", "a:3"}}), "a:3");
    EXPECT_EQ(chosen("https://example.com", {{"http_proxy", "p:2"}}), "none");
    EXPECT_EQ(chosen("http://example.com", {{"HTTP_PROXY", "p:2"}}), "none") << "may be a request's header";
    EXPECT_EQ(chosen("https://example.com", {{"https_proxy", "[2001:db8::1]:3128/"}}), "2001:db8::1:3128");
}

TEST(HttpProxy, IsNotForWhatIsOnThisMachine) {
    const Variables all{{"ALL_PROXY", "http://a:3"}};
    for (const char* url : {"https://localhost", "http://127.0.0.1:8080", "https://127.8.9.1",
                            "http://[::1]:1", "unix:/run/x.sock"})
        EXPECT_EQ(chosen(url, all), "none") << url;
    EXPECT_EQ(chosen("https://localhost.example.com", all), "a:3");
}

TEST(HttpProxy, TakesItsUserFromTheUrl) {
    const auto authorization = [](const char* value) {
        return std::string(proxy("https://x.com", {{"https_proxy", value}}).value()->authorization.reveal());
    };
    EXPECT_EQ(authorization("http://p:1"), "");
    EXPECT_EQ(authorization("http://Aladdin:open%20sesame@p:1"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    EXPECT_EQ(authorization("u@p:1"), "Basic dTo=");
    EXPECT_EQ(authorization("http://u:a@b@p:1"), "Basic dTphQGI=") << "the last @ ends it";
}

TEST(HttpProxy, DoesNotRepeatAPassword) {
    const auto error = [](const char* value) {
        const auto result = proxy("https://x.com", {{"HTTPS_PROXY", value}});
        return result ? "none" : result.error().what();
    };
    EXPECT_EQ(error("socks5://u:hunter2@p:1"),
              "the environment's HTTPS_PROXY is not a proxy that is spoken to over http://, which alone is "
              "supported");
    EXPECT_EQ(error("http://u:hunter2%@p:1"),
              "the environment's HTTPS_PROXY has a user name or password that is not percent-encoded");
    EXPECT_EQ(error("http://u:hunter2@p:port"),
              "the environment's HTTPS_PROXY is not http://[USER:PASSWORD@]HOST[:PORT]");
}

TEST(HttpProxy, LeavesOutWhatNoProxyLists) {
    const struct {
        const char *list, *host, *port;
        bool out;
    } cases[] = {
        {"", "example.com", "443", false},
        {"*", "example.com", "443", true},
        {"example.com", "example.com", "443", true},
        {"example.com", "api.example.com", "443", true},
        {".example.com", "example.com", "443", true},
        {".example.com", "api.example.com", "443", true},
        {"*.example.com", "api.example.com", "443", true},
        {"example.com", "badexample.com", "443", false},
        {"EXAMPLE.com", "Example.COM", "443", true},
        {"example.com", "example.com.", "443", true},
        {"a.com, example.com", "example.com", "443", true},
        {"a.com example.com", "example.com", "443", true},
        {",,a.com,", "example.com", "443", false},
        {"example.com:443", "example.com", "443", true},
        {"example.com:8443", "example.com", "443", false},
        {"10.0.0.7", "10.0.0.7", "443", true},
        {"0.0.7", "10.0.0.7", "443", false},
        {"10.0.0.0/8", "10.0.0.7", "443", true},
        {"10.0.0.0/8", "11.0.0.7", "443", false},
        {"2001:db8::1", "2001:db8::1", "443", true},
        {"[2001:db8::1]:443", "2001:db8::1", "443", true},
        {"[2001:db8::1]:80", "2001:db8::1", "443", false},
        {".", "example.com", "443", false},
    };
    for (const auto& c : cases) EXPECT_EQ(exempted(c.list, c.host, c.port), c.out) << c.list << ' ' << c.host;
    EXPECT_EQ(chosen("https://example.com", {{"https_proxy", "p:1"}, {"no_proxy", "example.com:443"}}),
              "none");
    EXPECT_EQ(chosen("https://example.com:8443", {{"https_proxy", "p:1"}, {"NO_PROXY", "example.com:443"}}),
              "p:1");
}

}  // namespace
}  // namespace hookswitch
