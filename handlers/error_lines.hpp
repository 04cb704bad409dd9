#pragma once

// What a handler's process writes to its standard error: lines of the log, as many as there should be.

#include "daemon/core/backoff.hpp"
#include "daemon/core/worker_frame.hpp"
#include "daemon/io/log.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace hookswitch {

class ErrorLines {
public:
    /// `event` is the name of the log lines, `about` their first fields; of lines over 4 KiB the rest is
    /// dropped. `rate` may be shared with other processes.
    ErrorLines(std::string_view event, std::vector<log::Field> about, std::shared_ptr<Throttle> rate);

    /// A rate of its own for this many lines a second.
    static std::shared_ptr<Throttle> at_most(std::size_t lines_a_second);

    enum class Got { bytes, nothing, end };

    /// Reads once, without waiting.
    Got read(int fd);

    /// At its end: what is left in the pipe, within reason, and the last line, also without a newline.
    void finish(int fd);

private:
    void write(std::string_view line);
    void write_suppressed(std::size_t lines);

    std::string_view event_;
    std::vector<log::Field> about_;
    std::shared_ptr<Throttle> rate_;
    CutLines lines_;
};

/// Whether a read or write that failed is to be made again later.
bool try_again_later();

}  // namespace hookswitch
