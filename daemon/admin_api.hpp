#pragma once

// What the admin listener answers: health, figures, the journal's events, and calls. The outer contract,
// section 2.

#include "daemon/admin_door.hpp"
#include "daemon/call_registry.hpp"
#include "daemon/core/backoff.hpp"
#include "daemon/core/call_command.hpp"
#include "daemon/core/metrics.hpp"
#include "daemon/core/platform_error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
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

/// 404 for a path, and 405.
AdminReply not_found();
AdminReply wrong_method(std::string_view allow);

/// What can be seen of the daemon. All is called on the thread that answers.
struct AdminView {
    const Metrics& metrics;
    std::function<std::vector<std::string>()> not_ready;  // why; empty: it is ready
    std::optional<std::filesystem::path> journal;         // nullopt: there is none
    std::function<void()> redeliver_soon;                 // somebody has asked for a delivery
    CallRegistry& calls;

    // Sends a command, and says once, on the same thread, what came of it: after 30 s at the latest, or
    // when everything is stopped. False: there is no [platform], and nothing more is said.
    using Controlled = std::function<void(PlatformResult<std::string> body)>;
    std::function<bool(std::string call, CallCommand command, Controlled done)> control;  // null: as false
    std::function<std::size_t(std::string_view call)> pending_actions;                    // null: none
};

/// Lives on `home`; reading the journal has a thread of its own, because it waits for the disk.
class AdminApi {
public:
    AdminApi(boost::asio::any_io_executor home, AdminSettings settings, AdminView view);
    ~AdminApi();

    /// Another token from now on.
    void use(Secret token) { settings_.token = std::move(token); }

    const AdminSettings& settings() const { return settings_; }

    /// Requests that still wait for the journal are not worked at any more, and those that wait for the
    /// platform are answered.
    void stop();

    /// `peer` is for the log.
    boost::asio::awaitable<AdminReply> answer(AdminRequest request, std::string peer);

private:
    using Work = std::function<AdminReply()>;
    struct Waiting;

    std::optional<AdminReply> refuse(const AdminRequest& request, std::string_view peer, bool open_path);
    boost::asio::awaitable<AdminReply> answer_events(AdminRequest request, std::string peer);
    boost::asio::awaitable<AdminReply> answer_calls(AdminRequest request, std::string peer);
    boost::asio::awaitable<AdminReply> list_calls(std::string query);
    boost::asio::awaitable<AdminReply> control_call(std::string id, std::string body, std::string peer);
    boost::asio::awaitable<AdminReply> carry_out(std::string id, CallCommand command, std::string peer);
    void start_control(const std::string& id, const CallCommand& command, std::string_view peer,
                       const std::shared_ptr<Waiting>& waiting);
    boost::asio::awaitable<AdminReply> on_reader(Work work);
    AdminReply show_call(const std::string& id) const;
    std::size_t pending_actions(std::string_view call) const {
        return view_.pending_actions ? view_.pending_actions(call) : 0;
    }
    AdminReply ready() const;
    AdminReply figures() const;

    boost::asio::any_io_executor home_;
    AdminSettings settings_;
    AdminView view_;
    Throttle refusals_{10, std::chrono::seconds(1)};  // lines in the log
    std::vector<std::shared_ptr<Waiting>> waiting_;
    std::atomic<bool> stopped_ = false;
    boost::asio::thread_pool reader_{1};  // last: it ends before what its work uses
};

}  // namespace hookswitch
