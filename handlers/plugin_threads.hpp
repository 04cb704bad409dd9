#pragma once

// Threads that a plugin runs on. Nobody joins them, for they may never come back; what they use is shared
// with them, and what they find out is posted home.

#include "daemon/core/result.hpp"
#include "handlers/handler.hpp"
#include "handlers/plugin_library.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

/// The way from any thread to a handler's home, until it is cut: a thread that hangs may come back when there
/// is no home any more.
class WayHome {
public:
    explicit WayHome(boost::asio::any_io_executor home) : home_(std::move(home)) {}

    void post(std::function<void()> f);
    void cut();

private:
    std::mutex mutex_;
    std::optional<boost::asio::any_io_executor> home_;
};

/// Runs `work` on a thread of its own, then `done` at home. False: the system has no thread to spare.
bool run_apart(std::shared_ptr<WayHome> way, std::function<void()> work, std::function<void()> done);

/// One event inside of the plugin, as a copy.
struct PluginJob {
    PluginJob(const Invocation& invocation, std::chrono::milliseconds left);

    const std::string id, type, source, call, caller, called, tool, arguments, json;
    const std::uint32_t attempt;
    const std::chrono::steady_clock::time_point deadline;

private:
    friend class PluginThreads;
    enum class State { waiting, running, done, given_up };
    State state = State::waiting;  // under the mutex of PluginThreads
};

class PluginThreads : public std::enable_shared_from_this<PluginThreads> {
public:
    /// Called at home.
    struct Owner {
        /// `text` is an answer of the outer contract.
        std::function<void(const std::string& id, Result<std::string> text)> answered;
        /// A thread has ended: it was told to, or it came back from a job that was given up.
        std::function<void(bool given_up)> ended;
    };

    PluginThreads(std::shared_ptr<PluginLibrary> library, std::shared_ptr<WayHome> way, Owner owner);

    bool add_thread();  ///< false: the system has none to spare
    void give(std::shared_ptr<PluginJob> job);

    /// True: it was not begun, and will not be.
    bool take_back(const std::shared_ptr<PluginJob>& job);

    /// Its answer is not wanted any more; its thread ends when it comes back. False: that is done, and its
    /// answer on its way.
    bool give_up(const std::shared_ptr<PluginJob>& job);

    /// Threads end when they have done what they are at.
    void end();

private:
    bool serve();
    std::shared_ptr<PluginJob> next();
    bool leave(PluginJob& job);
    Result<std::string> work_at(const PluginJob& job);

    const std::shared_ptr<PluginLibrary> library_;
    const std::shared_ptr<WayHome> way_;
    const Owner owner_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<PluginJob>> waiting_;
    bool ending_ = false;
};

/// The job that this thread is at; null: none. For the log.
const PluginJob* plugin_job_here();

}  // namespace hookswitch
