#pragma once

// The REST API of the local platform on a socket: HTTP or HTTPS, and what goes wrong there on purpose.

#include "daemon/core/result.hpp"
#include "daemon/io/http_server.hpp"
#include "daemon/simulator/rest_api.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>

namespace hookswitch::simulator {

class RestServer {
public:
    /// Listens from now on. `api` must outlive the last answer: until `home` has run out of work.
    static Result<RestServer> start(boost::asio::io_context& home, RestApi& api);

    RestServer(RestServer&&) noexcept;
    ~RestServer();

    /// "https://127.0.0.1:40123"
    std::string url() const;

    void stop();

private:
    struct Impl;
    explicit RestServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace hookswitch::simulator
