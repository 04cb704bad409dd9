#pragma once

// A child process in a process group of its own, with pipes for its three standard streams. It
// inherits nothing else: no other descriptor is open, signals are back to their defaults and
// unblocked, whatever the daemon did with them. A child sees the daemon die as the end
// of its standard input.
//
// There is no SIGCHLD handler anywhere: a pidfd says when a child has exited.

#include "daemon/core/result.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hookswitch {

struct ProcessCommand {
    std::vector<std::string> argv;    // argv[0] through PATH, or with a slash: relative to `directory`
    std::filesystem::path directory;  // empty: the daemon's own
    /// Added to the daemon's own, without the variables in which the service manager talks to it. Only with
    /// CREDENTIALS_DIRECTORY among them, here or in `inherit`, can it read the service's credentials.
    std::map<std::string, std::string> environment;
    /// The names of those of the daemon's own that it gets, besides what every program needs: PATH, HOME,
    /// the language, the time zone, the directories that the service manager made. nullopt: all.
    std::optional<std::vector<std::string>> inherit = std::nullopt;
};

struct ExitStatus {
    int code = 0;    // meaningful when signal == 0; -1 when unknown
    int signal = 0;  // that ended it

    /// "exited with status 3", "killed by signal 9 (Killed)".
    std::string describe() const;
};

class Process {
public:
    /// Returns once the program runs. Fails with the system's error, naming program or directory.
    /// Makes the daemon ignore SIGPIPE, which a pipe to a dying child would otherwise raise.
    static Result<std::unique_ptr<Process>> spawn(const ProcessCommand& command,
                                                  const boost::asio::any_io_executor& executor);

    /// Kills what still runs.
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    pid_t pid() const { return pid_; }

    /// To the whole group. Nothing after reap(), when the number may belong to somebody else.
    void signal(int number);

    /// Kills what is left of the group and collects the status of its first process. Called once
    /// `exited` is readable; before, that process would be killed and waited for.
    ExitStatus reap();

    // All non-blocking. Waiting on one borrows it: whoever waits keeps the Process.
    boost::asio::posix::stream_descriptor input;   // its standard input: written by us
    boost::asio::posix::stream_descriptor output;  // its standard output and error: read by us
    boost::asio::posix::stream_descriptor errors;
    boost::asio::posix::stream_descriptor exited;  // becomes readable when the process has exited

private:
    explicit Process(const boost::asio::any_io_executor& executor)
        : input(executor), output(executor), errors(executor), exited(executor) {}

    pid_t pid_ = 0;
    bool reaped_ = false;
};

}  // namespace hookswitch
