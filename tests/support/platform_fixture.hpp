#pragma once

// A platform client that talks to a FaultyServer.

#include "daemon/io/platform_client.hpp"

#include "tests/support/faulty_server.hpp"
#include "tests/support/run.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace hookswitch::test {

inline std::string answer(const std::string& status, const std::string& body = "{}",
                          const std::string& fields = "") {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields +
           "\r\n" + body;
}

struct PlatformTest : testing::Test {
    PlatformSettings settings(const std::string& address, const std::string& scheme = "http") {
        PlatformSettings out;
        out.base_url = parse_url(scheme + "://" + address + "/api/v1").value();
        out.api_key = Secret("fl_test_key");
        out.backoff = std::chrono::milliseconds(1);
        return out;
    }

    PlatformResult<PlatformClient::Reply> ask(const PlatformSettings& settings,
                                              PlatformClient::Request request,
                                              PlatformClient::RateLimitSeen seen = nullptr) {
        client = std::make_unique<PlatformClient>(PlatformClient::make(ctx.get_executor(), settings).value());
        return again(std::move(request), std::move(seen));
    }

    /// With the connections of the last one.
    PlatformResult<PlatformClient::Reply> again(PlatformClient::Request request,
                                                PlatformClient::RateLimitSeen seen = nullptr) {
        if (!request.on_retry)
            request.on_retry = [this](const PlatformError&, std::chrono::milliseconds wait) {
                waits.push_back(wait);
            };
        return run(ctx, client->send(std::move(request), std::move(seen)), std::chrono::seconds(20));
    }

    static PlatformClient::Request get(const std::string& path = "/calls") {
        PlatformClient::Request request;
        request.method = "GET";
        request.path = path;
        return request;
    }
    static PlatformClient::Request post(const std::string& path = "/calls/outbound") {
        PlatformClient::Request request;
        request.method = "POST";
        request.path = path;
        request.body = "{}";
        return request;
    }

    boost::asio::io_context ctx;
    std::unique_ptr<PlatformClient> client;
    std::vector<std::chrono::milliseconds> waits;
};

}  // namespace hookswitch::test
