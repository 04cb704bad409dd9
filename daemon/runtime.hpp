#pragma once

// A configuration at work: handlers started, routes resolved, server running; and its changes over
// time: reload and stop. All members are called on the server's home thread, or before run().

#include "daemon/admin.hpp"
#include "daemon/config.hpp"
#include "daemon/core/metrics.hpp"
#include "daemon/dedupe.hpp"
#include "daemon/delivery.hpp"
#include "daemon/dispatcher.hpp"
#include "daemon/io/wall_clock.hpp"
#include "daemon/server.hpp"
#include "handlers/running_handler.hpp"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace hookswitch {

class Runtime : public std::enable_shared_from_this<Runtime> {
public:
    explicit Runtime(Config config);
    ~Runtime();

    /// Opens the journal, listens, starts the handlers, accepts, and goes on with the deliveries of the
    /// run before. The error is for the operator.
    Result<> start();

    Server& server() { return server_; }
    bool stopping() const { return stopping_; }

    /// Reads `file` (on a thread of its own, so that calls go on), starts its handlers, and only
    /// when all of them work takes it into use. Otherwise the old configuration stays, and the log
    /// says why. Requests in work end with the configuration they began with. `done` is called
    /// either way, unless the daemon is being stopped. One reload at a time; one asked for meanwhile comes
    /// after.
    void reload(const std::filesystem::path& file, std::function<void()> done);

    /// Drains: connections, then told-only events, then workers, at most settings.drain_timeout.
    /// Lets server().run() return, and calls `done` shortly before. A second call waits no longer.
    void stop(std::function<void()> done);

private:
    using Running = std::vector<std::shared_ptr<RunningHandler>>;
    struct Prepared;

    Result<> open_journal();
    void begin_deliveries();
    void try_to_resume();
    Result<> resume_deliveries();
    Result<> remember(JournalBacklog& backlog);
    std::shared_ptr<Prepared> prepare(Config config);
    std::shared_ptr<Handler> lease(const std::shared_ptr<RunningHandler>& handler);
    void take_into_use(const std::shared_ptr<Prepared>& prepared);
    void finish_reload(Result<Config> loaded);
    void reloaded();
    Result<> start_admin();
    void reload_admin(const std::optional<AdminSettings>& settings);
    std::vector<std::string> not_ready();
    bool control(std::string call, CallCommand command, AdminView::Controlled done);
    void count_configuration(const Config& before);
    void count_failed_reload();
    void retire(const std::shared_ptr<RunningHandler>& handler);
    WorkerPool::Act unasked_of(const std::string& handler);
    void stop_handlers();
    void give_up_waiting();
    void tell_if_stopped();
    void release();

    Metrics metrics_;
    Server server_;
    Config config_;
    Dedupe dedupe_;
    CallRegistry calls_{metrics_.calls, {.since = wall_now()}};
    std::unique_ptr<Journal> journal_;         // null: memory only
    std::unique_ptr<JournalBacklog> backlog_;  // null too if the journal cannot be read
    std::shared_ptr<Outbox> outbox_;
    std::shared_ptr<Delivery> delivery_;
    std::optional<Dispatcher> dispatcher_;
    std::shared_ptr<Admin> admin_;  // null: not configured
    Running running_;               // every handler that was started, also retired ones
    std::shared_ptr<const Routing> routing_;

    std::thread loader_;
    std::filesystem::path reload_next_;
    std::function<void()> reload_done_;
    bool reloading_ = false;

    boost::asio::steady_timer drain_timer_, resume_timer_;
    std::function<void()> stopped_;
    bool stopping_ = false;
    bool handlers_stopping_ = false;
    bool released_ = false;
};

}  // namespace hookswitch
