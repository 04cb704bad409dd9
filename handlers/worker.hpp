#pragma once

// Handlers in any language: long-lived processes that read one JSON event a line on standard input
// and write one JSON answer a line on standard output, in any order, matched by id. The pool starts
// them, checks the handshake, bounds the queue, watches for crashes and hangs, and restarts with
// back-off. Wire form: the outer contract, section 4.

#include "handlers/running_handler.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace hookswitch {

struct HandlerMetrics;

struct WorkerSettings {
    std::string name;                  // of the handler, for the log
    std::vector<std::string> command;  // argv; found through PATH
    std::size_t workers = 1;           // processes
    std::size_t concurrency = 1;       // events in work at once in one process
    std::size_t queue = 100;           // events waiting for a process, waited-for and told-only counted apart
    std::filesystem::path directory;   // working directory; empty: the daemon's own
    std::map<std::string, std::string> environment;   // added to the daemon's own
    std::chrono::milliseconds start_timeout{10'000};  // from exec to handshake
    std::chrono::milliseconds hang_timeout{
        10'000};                 // past its deadline, an event unanswered this long: killed
    std::size_t max_missed = 3;  // deadlines missed in a row: killed

    bool operator==(const WorkerSettings&) const = default;
};

/// A pool of worker processes. It is ready at the first handshake of any worker, and cannot work when every
/// process has failed to start once. Stopped, it closes standard inputs, then TERM, then KILL.
///
/// Errors of handle(): Errc::overloaded when the queue is full or the pool is stopping,
/// Errc::deadline_exceeded when no worker was free before the deadline (the event was never sent;
/// Errc::overloaded if it is told-only, which can be offered again),
/// Errc::handler_failed for the rest. An event that a worker has is kept until that worker answers,
/// however late, or ends; the events of one that ends are given to another once more.
///
/// Waited-for events go before told-only ones, which leave one slot of the pool alone.
class WorkerPool : public RunningHandler {
public:
    /// Commands of work that outlived its reply; called on `home`.
    using Act = std::function<void(std::string call, std::vector<CallCommand> commands)>;

    /// Starts the processes. Events wait in the queue until the first handshake. `metrics` outlives
    /// the pool. `act` may be null: then nothing comes of such commands.
    static std::shared_ptr<WorkerPool> start(WorkerSettings settings, boost::asio::any_io_executor home,
                                             HandlerMetrics& metrics, Act act = nullptr);
};

}  // namespace hookswitch
