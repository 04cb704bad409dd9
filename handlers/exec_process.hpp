#pragma once

// One process for one event: from its start to the moment its exit status is collected. It ends by itself,
// or is killed at its deadline, when it writes too much, or when it is told to: SIGTERM, and SIGKILL a second
// later if it has not exited.
//
// Its exit ends it, not the end of its output: a child of its own that holds the pipe open is not waited for.

#include "daemon/core/result.hpp"
#include "daemon/io/process.hpp"
#include "handlers/error_lines.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hookswitch {

class ExecProcess : public std::enable_shared_from_this<ExecProcess> {
public:
    struct Job {
        ProcessCommand command;
        std::string input;               // all of it; how much is read is the program's business
        std::size_t max_output;          // bytes
        std::chrono::milliseconds left;  // until its deadline
        std::string handler, id, call;   // for the log
    };

    /// Called from the executor's thread, never from start() or kill().
    struct Owner {
        std::function<void()> cut_off;                          // it is killed at its deadline
        std::function<void(Result<std::string> output)> ended;  // once, last: it is gone
    };

    /// `error_rate` is for its standard error, line by line in the log; that of all processes of a handler.
    static Result<std::shared_ptr<ExecProcess>> start(Job job, const boost::asio::any_io_executor& executor,
                                                      std::shared_ptr<Throttle> error_rate, Owner owner);

    /// `why` becomes the error that `ended` gets, unless it is being killed already.
    void kill(std::string_view why);

    /// Kills it at once, unwatched; the owner hears nothing more.
    void abandon();

private:
    using Got = ErrorLines::Got;

    ExecProcess(Job job, std::unique_ptr<Process> process, const boost::asio::any_io_executor& executor,
                std::shared_ptr<Throttle> error_rate, Owner owner);

    void begin();
    template <class F>
    void after(std::chrono::milliseconds wait, F then);

    void send_input();
    void await_output();
    Got read_output();
    void await_errors();

    void await_exit();
    void collect();
    Result<std::string> result(const ExitStatus& status);

    Job job_;
    std::unique_ptr<Process> process_;  // null once gone
    pid_t pid_;
    Owner owner_;
    boost::asio::steady_timer timer_;  // its deadline, later SIGKILL
    std::size_t sent_ = 0;             // of job_.input
    std::string output_;
    std::string killed_because_;  // empty: it was not
    ErrorLines errors_;
};

}  // namespace hookswitch
