#pragma once

// What the admin listener answers: health, figures, and the journal's events. The outer contract,
// section 2.

#include "daemon/admin_door.hpp"
#include "daemon/core/backoff.hpp"
#include "daemon/core/metrics.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

struct AdminReply {
    int status = 200;
    std::string body;
    std::string_view content_type = "application/json";
    std::string_view allow;  // with 405
};

/// {"error":{"code":..,"message":..}}; `message` may be anything.
AdminReply admin_error(int status, std::string_view code, std::string_view message);

/// What can be seen of the daemon. All is called on the thread that answers.
struct AdminView {
    const Metrics& metrics;
    std::function<std::vector<std::string>()> not_ready;  // why; empty: it is ready
    std::optional<std::filesystem::path> journal;         // nullopt: there is none
    std::function<void()> redeliver_soon;                 // somebody has asked for a delivery
};

/// Lives on `home`; reading the journal has a thread of its own, because it waits for the disk.
class AdminApi {
public:
    AdminApi(boost::asio::any_io_executor home, AdminSettings settings, AdminView view);

    /// Another token from now on.
    void use(Secret token) { settings_.token = std::move(token); }

    const AdminSettings& settings() const { return settings_; }

    /// Requests that still wait for the journal are not worked at any more.
    void stop() { stopped_ = true; }

    /// `peer` is for the log.
    boost::asio::awaitable<AdminReply> answer(AdminRequest request, std::string peer);

private:
    using Work = std::function<AdminReply()>;

    std::optional<AdminReply> refuse(const AdminRequest& request, std::string_view peer, bool open_path);
    boost::asio::awaitable<AdminReply> answer_events(AdminRequest request, std::string peer);
    boost::asio::awaitable<AdminReply> on_reader(Work work);
    AdminReply ready() const;
    AdminReply figures() const;

    boost::asio::any_io_executor home_;
    AdminSettings settings_;
    AdminView view_;
    Throttle refusals_{10, std::chrono::seconds(1)};  // lines in the log
    std::atomic<bool> stopped_ = false;
    boost::asio::thread_pool reader_{1};  // last: it ends before what its work uses
};

}  // namespace hookswitch
