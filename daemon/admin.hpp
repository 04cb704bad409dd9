#pragma once

// The admin listener: for few and mostly local clients (a monitor, Prometheus, an operator). On the home
// thread, next to what it shows, and with limits so that whatever comes here cannot hurt the data
// listener.

#include "daemon/admin_api.hpp"
#include "daemon/core/result.hpp"
#include "daemon/io/http_server.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace hookswitch {

class Admin {
public:
    /// Listens and answers. `home` is one thread's; all is called there.
    static Result<std::shared_ptr<Admin>> start(boost::asio::io_context& home, AdminSettings settings,
                                                AdminView view);

    const AdminSettings& settings() const { return api_->settings(); }

    /// Another token from now on.
    void use(Secret token) { api_->use(std::move(token)); }

    /// Ends the listener and every connection; `home` then has no more work of it.
    void stop();

private:
    Admin(std::shared_ptr<AdminApi> api, HttpServer server)
        : api_(std::move(api)), server_(std::move(server)) {}

    std::shared_ptr<AdminApi> api_;  // shared with the answers that are still being made
    HttpServer server_;
};

}  // namespace hookswitch
