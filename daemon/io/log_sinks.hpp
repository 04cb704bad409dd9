#pragma once

// Where finished log lines go: standard error, or journald's socket. Inside of log.cpp; a header of
// its own so that tests can give the sinks other ends.

#include "daemon/io/log.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace hookswitch::log {

/// What Format::automatic means for lines that go to `fd`.
Format resolved(Format format, int fd);

/// Writes the payload of each message as it is. While attached to the queue that feeds it, it
/// collects lines for as long as more are waiting, and reports what the queue had to drop.
class Sink : public spdlog::sinks::base_sink<std::mutex> {
public:
    void attach(spdlog::details::thread_pool& queue, std::function<std::string(std::size_t)> dropped_line);

    /// Lines are written at once from now on.
    void detach();

protected:
    virtual void deliver(std::string_view line) = 0;

private:
    void sink_it_(const spdlog::details::log_msg& message) override;
    void report_dropped();

    spdlog::details::thread_pool* queue_ = nullptr;
    std::function<std::string(std::size_t)> dropped_line_;
    std::size_t dropped_ = 0;
    std::chrono::steady_clock::time_point reported_at_;

protected:
    bool more_is_waiting() { return queue_ && queue_->queue_size() > 0; }
};

class LineSink : public Sink {
public:
    explicit LineSink(int fd) : fd_(fd) {}

private:
    void deliver(std::string_view line) override;
    void flush_() override;

    int fd_;
    std::string lines_;
};

/// For log::capture().
class CaptureSink : public Sink {
public:
    explicit CaptureSink(std::function<void(std::string_view)> take) : take_(std::move(take)) {}

private:
    void deliver(std::string_view line) override { take_(line); }
    void flush_() override {}

    std::function<void(std::string_view)> take_;
};

/// Takes what as_journal_entry made. An entry that journald does not take goes to `fallback_fd` as
/// a line with its priority in front, which under systemd is journald by another way.
class JournalSink : public Sink {
public:
    explicit JournalSink(std::string socket_path = "/run/systemd/journal/socket", int fallback_fd = 2);
    ~JournalSink() override;

private:
    void deliver(std::string_view entry) override;
    void flush_() override {}

    std::string path_;
    int fallback_fd_;
    int socket_ = -1;
};

}  // namespace hookswitch::log
