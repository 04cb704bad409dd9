#pragma once

// One life of one worker process: from its start, through the handshake, to the moment its exit
// status is collected. Whatever a worker does wrong ends here in the same way: no further answers
// (`lost`), SIGTERM, SIGKILL a second later if it has not exited, and then `exited`. What to do
// about its events and whether to start another is the pool's business.

#include "daemon/core/backoff.hpp"
#include "daemon/core/worker_frame.hpp"
#include "daemon/io/process.hpp"
#include "handlers/error_lines.hpp"
#include "handlers/worker.hpp"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hookswitch {

class WorkerProcess : public std::enable_shared_from_this<WorkerProcess> {
public:
    enum class Verdict {
        answer,   // of an event that was in work here
        notice,   // something else that a worker may say
        late,     // for an event that is no longer open
        unknown,  // for an event that this worker was never given
    };

    /// What the pool is told. Called from the executor's thread, never from start().
    struct Owner {
        std::function<void()> ready;                     // the handshake was right
        std::function<Verdict(WorkerFrame&)> frame;      // any frame but Garbage and Handshake
        std::function<void()> lost;                      // once: no frame will follow
        std::function<void(const std::string&)> exited;  // once, last: how it ended
    };

    static Result<std::shared_ptr<WorkerProcess>> start(std::shared_ptr<const WorkerSettings> settings,
                                                        const boost::asio::any_io_executor& executor,
                                                        Owner owner);

    /// Whether send() has a point.
    bool ready() const { return phase_ == Phase::running && !deaf_; }

    /// Writes one line, newline included, at once as far as the pipe takes it; the rest follows when
    /// the worker reads. False: nothing of it can have reached the worker, which is ready() no more.
    bool send(std::string_view line);

    /// SIGTERM now, SIGKILL in a second. Calls `lost` before it returns.
    void kill(std::string_view why);

    /// Ends it politely: its standard input is closed, and it is killed after `grace`.
    void close(std::chrono::milliseconds grace);

    /// Kills it at once, unwatched; the owner hears nothing more.
    void abandon();

private:
    enum class Phase { starting, running, leaving, dying, gone };
    using Got = ErrorLines::Got;

    WorkerProcess(std::shared_ptr<const WorkerSettings> settings, std::unique_ptr<Process> process,
                  const boost::asio::any_io_executor& executor, Owner owner);

    bool listening() const { return phase_ <= Phase::running; }
    void begin();

    void await_output();
    void read_output();
    Got read_lines();
    void take(std::string_view line);
    void greet(const WorkerFrame& frame, std::string_view line);
    Verdict judge(WorkerFrame& frame);
    void complain(const WorkerFrame& frame, std::string_view line);

    void await_errors();

    std::size_t write(std::string_view text);
    void await_input();
    void flush();

    void leave(std::string why, std::chrono::milliseconds grace);
    void lose();
    void await_exit();
    void collect();
    template <class F>
    void after(std::chrono::milliseconds wait, F then);

    std::shared_ptr<const WorkerSettings> settings_;
    std::unique_ptr<Process> process_;  // null once gone
    pid_t pid_;
    Owner owner_;
    Phase phase_ = Phase::starting;
    bool lost_ = false;                // the owner has been told so
    bool asked_ = false;               // to end, by close()
    bool deaf_ = false;                // closed its standard input
    boost::asio::steady_timer timer_;  // for the handshake, later for the next step of ending it

    LineBuffer lines_;
    std::size_t worthless_ = 0;  // lines in a row that were no answer
    Throttle complaints_;
    std::string unsent_;
    std::size_t sent_ = 0;  // of unsent_

    ErrorLines errors_;
};

}  // namespace hookswitch
