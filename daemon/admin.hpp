#pragma once

// The admin listener: a small HTTP/1.1 server for few and mostly local clients (a monitor, Prometheus,
// an operator). On the home thread, next to what it shows, and with limits so that whatever comes here
// cannot hurt the data listener.

#include "daemon/admin_api.hpp"
#include "daemon/core/result.hpp"
#include "daemon/io/listen.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <memory>
#include <set>

namespace hookswitch {

class Admin : public std::enable_shared_from_this<Admin> {
public:
    /// Listens and answers. `home` is one thread's; all is called there.
    static Result<std::shared_ptr<Admin>> start(boost::asio::io_context& home, AdminSettings settings,
                                                AdminView view);

    const AdminSettings& settings() const { return api_.settings(); }

    /// Another token from now on.
    void use(Secret token) { api_.use(std::move(token)); }

    /// Ends the listener and every connection; `home` then has no more work of it.
    void stop();

private:
    struct Connection;

    Admin(boost::asio::io_context& home, AdminSettings settings, AdminView view, Listener listener);
    boost::asio::awaitable<void> accept();
    void place(Listener::Socket socket);
    boost::asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
    static boost::asio::awaitable<bool> has_bytes(Connection& connection);
    boost::asio::awaitable<bool> serve_one(Connection& connection);
    static boost::asio::awaitable<bool> respond(Connection& connection, AdminReply reply, bool keep,
                                                bool head_only);

    boost::asio::awaitable<void> linger(Connection& connection);
    static void report(const std::exception_ptr& thrown);

    boost::asio::io_context& home_;
    AdminApi api_;
    Listener listener_;
    std::set<std::shared_ptr<Connection>> connections_;
    bool stopped_ = false;
};

}  // namespace hookswitch
