#pragma once

// Carries out call-control commands: journals them, sends them to the platform within its limits, in
// order for each call, and records what became of each. A command is worth something for 30 s; after
// that it is never sent, also not after a restart.
//
// A crash loses none that was accepted with a journal. One that is hit between the sending of a command
// and the record of it repeats that command once.
//
// Lives on home; what may be called elsewhere says so.

#include "daemon/core/backoff.hpp"
#include "daemon/core/call_command.hpp"
#include "daemon/core/command_queue.hpp"
#include "daemon/core/metrics.hpp"
#include "daemon/core/platform_error.hpp"
#include "daemon/io/journal.hpp"
#include "daemon/io/platform_client.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hookswitch {

/// A command and who asks for it.
struct CommandOrder {
    std::string call;
    CallCommand command;
    std::string by;     // "handler desk", "operator"
    std::string event;  // id of the event that it came with; may be empty
};

/// What a handler wants of a call.
std::vector<CommandOrder> orders_of_handler(const std::string& handler, std::string_view call,
                                            std::vector<CallCommand> commands, const std::string& event);

class Outbox : public std::enable_shared_from_this<Outbox> {
public:
    static constexpr std::chrono::seconds kTimeToLive{30};

    /// What the platform answered, or why there is no answer. `expired`: it was never sent.
    using Done = std::function<void(PlatformResult<std::string> body)>;

    /// True, false or unknown: whether a call runs on a speech-to-speech model. Called on home.
    using Realtime = std::function<std::optional<bool>(std::string_view call)>;

    /// `journal` may be null: then commands are in memory only. It and `metrics` outlive the outbox.
    Outbox(boost::asio::any_io_executor home, Journal* journal, Metrics& metrics, Realtime realtime);

    /// Where commands go from now on. nullopt: nowhere, each is dropped.
    Result<> use(const std::optional<PlatformSettings>& settings);

    /// Any thread. Journals the orders, calls `stored` on `executor` (also when that did not work: the
    /// call comes first), then sends them.
    void post(std::vector<CommandOrder> orders, const boost::asio::any_io_executor& executor,
              std::function<void()> stored);

    /// The same for one order; `done` is called once, on home.
    void send(CommandOrder order, Done done);

    /// What a restart found.
    void resume(std::vector<OpenCommand> commands);

    /// Queued or in flight.
    std::size_t pending(std::string_view call) const { return queue_.pending(call); }

    /// Sends what can be sent at once, waits for what is in flight, then calls `done`. What is queued then
    /// is left to the next start, or without a journal dropped.
    void stop(std::function<void()> done);

    /// Waits no longer.
    void abandon();

private:
    using Time = std::chrono::steady_clock::time_point;

    // What is known of a queued command besides.
    struct Entry {
        std::int64_t n = 0;  // in the journal; 0: not there
        std::string by, event;
        CallCommand::Type type = CallCommand::Type::say;
        Time asked;
        Done done;
    };
    using Outcome = ActionOutcome;

    using Numbers = std::vector<std::int64_t>;
    using Stored = std::function<void(std::vector<CommandOrder> orders, Numbers numbers)>;

    void store(std::vector<CommandOrder> orders, const boost::asio::any_io_executor& executor, Stored stored);
    void enqueue(CommandOrder order, std::int64_t n, Time asked, Done done);
    void warn_of_realtime(const CommandOrder& order);
    void pump();
    void arm();
    void send_now(QueuedCommand command);
    boost::asio::awaitable<PlatformResult<std::string>> request(std::shared_ptr<PlatformClient> client,
                                                                QueuedCommand command);
    void answered(QueuedCommand command, PlatformResult<std::string> result);
    bool may_repeat(const std::string& call, const PlatformError& why);
    void note(const std::string& call, const PlatformClient::RateLimit& limit);
    void hold_back(const std::string& call, const PlatformError& why);
    void drop_rest(const std::string& call);
    void drop_all_without_platform();
    void end(const QueuedCommand& command, Outcome outcome, const PlatformResult<std::string>& result);
    void stop_if_idle();
    void leave(QueuedCommand command);
    static Time now() { return std::chrono::steady_clock::now(); }

    boost::asio::any_io_executor home_;
    Journal* journal_;
    Metrics& metrics_;
    Realtime realtime_;
    std::shared_ptr<PlatformClient> client_;  // also held by what is in flight; null: none is configured

    CommandQueue queue_;
    std::unordered_map<std::uint64_t, Entry> entries_;  // by QueuedCommand::number
    std::uint64_t next_number_ = 1;
    std::list<boost::asio::cancellation_signal> flights_;
    boost::asio::steady_timer timer_;
    Time armed_ = Time::max();
    Time paused_until_ = Time::min();  // the platform could not be reached
    Backoff reach_again_;
    Throttle realtime_warnings_;
    const Milliseconds born_;  // what was asked for since is not from before a restart
    std::function<void()> stopped_;
    bool stopping_ = false, abandoned_ = false;
};

}  // namespace hookswitch
