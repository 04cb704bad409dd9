#pragma once

// The data listener: sockets, shards and their threads. One acceptor deals connections to the
// shards in turn. (SO_REUSEPORT would hash a proxy's few long-lived connections unevenly, and drop
// what is queued on a listener that closes.)
//
// The first shard is `home` and runs on the thread that calls run(). All members are called there.

#include "daemon/core/metrics.hpp"
#include "daemon/dispatcher.hpp"
#include "daemon/io/listen.hpp"
#include "daemon/senders.hpp"
#include "daemon/server_settings.hpp"
#include "daemon/session.hpp"
#include "daemon/shard.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace hookswitch {

class Server {
public:
    /// `metrics` outlives it.
    Server(ServerSettings settings, Metrics& metrics);
    ~Server();

    boost::asio::io_context& home() { return shards_.front()->context; }
    const ServerSettings& settings() const { return settings_; }

    /// Opens every socket of settings.listen. The error names the one that failed.
    Result<> listen();

    /// Starts the other shards' threads and accepts. `dispatcher` must outlive run().
    void start(Dispatcher& dispatcher, std::shared_ptr<const Routing> routing);

    /// New requests see this routing from now on. `done` is called on home when every shard has let
    /// go of the one before.
    void use(std::shared_ptr<const Routing> routing, std::function<void()> done = {});

    /// Takes the connections that wait in the accept queues, closes the listeners, and lets every
    /// connection end with its next answer. `done` is called on home when the last has ended.
    void drain(std::function<void()> done);

    /// Ends the connections that a drain still waits for.
    void abort();

    /// Calls `done` on home once every shard has shown that it runs.
    void ping(std::function<void()> done);

    /// Lets run() return when nothing is left to do.
    void release();

    /// Runs home on this thread until release(); then joins the others.
    void run();

private:
    boost::asio::awaitable<void> accept_from(Listener& listener);
    void accept_queued(Listener& listener);
    void place(Shard& shard, Session::Socket socket);
    void start_session(Shard& shard, Session::Socket socket);
    Shard& next_shard();
    bool make_room(Shard& shard);
    template <class F>
    void on_every_shard(F f, std::function<void()> done);

    const ServerSettings settings_;
    ConnectionMetrics& metrics_;
    Senders senders_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards_;
    std::vector<Listener> listeners_;
    std::vector<std::thread> threads_;
    Dispatcher* dispatcher_ = nullptr;
    std::size_t next_ = 0;
    std::atomic<std::size_t> connections_{0};
};

}  // namespace hookswitch
