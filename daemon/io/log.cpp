#include "daemon/io/log.hpp"

#include "daemon/io/log_repeats.hpp"
#include "daemon/io/log_sinks.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace hookswitch::log {
namespace {

// Enough for a burst of a tenth of a second at the daemon's full rate; 4 MiB.
constexpr std::size_t kQueued = 8192;

std::atomic<Level> current_level{Level::info};
std::atomic<bool> redacting{true};

// How a line is made and where it goes.
struct Output {
    Format format = Format::text;
    bool terminal = false;
    bool bare = false;  // without time and level
    std::shared_ptr<spdlog::logger> logger;
};

std::shared_ptr<spdlog::logger> at_once(std::shared_ptr<Sink> sink) {
    return std::make_shared<spdlog::logger>("", std::move(sink));
}

struct State {
    std::mutex control;  // one start or stop at a time

    // Shared by writers for the length of one line, so that stop() knows that nobody is still putting
    // lines into a queue that it is about to end.
    std::shared_mutex in_use;
    Output output;

    Repeats repeats;
    std::optional<Format> fixed_format;
    std::shared_ptr<Sink> sink = std::make_shared<LineSink>(STDERR_FILENO);
    std::shared_ptr<spdlog::details::thread_pool> thread;  // null: lines are written at once

    State() { publish({Format::text, ::isatty(STDERR_FILENO) != 0, false, at_once(sink)}); }

    // Returns what was there before, which nobody uses any more.
    Output publish(Output next) {
        next.logger->set_level(spdlog::level::trace);  // write() has decided already
        std::unique_lock lock(in_use);
        return std::exchange(output, std::move(next));
    }
};

// Never destroyed: threads and destructors may log until the very end of the process.
State& state() {
    static auto* const instance = new State;
    return *instance;
}

std::string clock_text(const char* pattern, const std::tm& parts, long milliseconds) {
    char text[32];
    const auto size = std::strftime(text, sizeof text, pattern, &parts);
    return fmt::format("{}.{:03}", std::string_view(text, size), milliseconds);
}

std::string utc_time(std::timespec now) {
    std::tm parts{};
    gmtime_r(&now.tv_sec, &parts);
    return clock_text("%Y-%m-%dT%H:%M:%S", parts, now.tv_nsec / 1'000'000) + "Z";
}

std::string local_clock(std::timespec now) {
    std::tm parts{};
    localtime_r(&now.tv_sec, &parts);
    return clock_text("%H:%M:%S", parts, now.tv_nsec / 1'000'000);
}

const char* colour(Level level) {
    switch (level) {
        case Level::debug: return "\033[2m";
        case Level::info: return "\033[32m";
        case Level::warn: return "\033[33m";
        case Level::error: break;
    }
    return "\033[1;31m";
}

std::string line_for(const Output& output, Level level, std::string_view name,
                     std::span<const Field> fields) {
    if (output.bare) return as_text(name, fields);
    if (output.format == Format::journald) return as_journal_entry(level, name, fields);
    std::timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    if (output.format == Format::json) return as_json(utc_time(now), level, name, fields);
    if (!output.terminal)
        return fmt::format("{} {:<5} {}", utc_time(now), name_of(level), as_text(name, fields));
    return fmt::format("{} {}{:<5}\033[0m {}", local_clock(now), colour(level), name_of(level),
                       as_text(name, fields));
}

// Values with telephone numbers masked; what fields() gives is `all` itself if there are none.
class Masked {
public:
    explicit Masked(std::span<const Field> all) : all_(all) {
        if (!redacting.load(std::memory_order_relaxed)) return;
        for (std::size_t i = 0; i < all.size(); ++i) {
            auto masked = all[i].quoted ? masked_numbers(all[i].value) : std::nullopt;
            if (!masked) continue;
            if (copy_.empty()) copy_.assign(all.begin(), all.end());
            copy_[i].value = *std::move(masked);
        }
    }
    std::span<const Field> fields() const { return copy_.empty() ? all_ : copy_; }

private:
    std::span<const Field> all_;
    std::vector<Field> copy_;
};

void put(const Output& output, Level level, std::string_view name, std::span<const Field> fields) {
    const Masked masked(fields);
    const auto line = line_for(output, level, name, masked.fields());
    output.logger->log(spdlog::level::info, spdlog::string_view_t(line));
}

// With the lock on in_use.
void put_summaries(State& s, Repeats::Time now) {
    for (const auto& repeated : s.repeats.take_due(now))
        put(s.output, repeated.level, repeated.name, repeated.fields);
}

// Signals are the main thread's.
void on_thread_start() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "log");
}

std::shared_ptr<Sink> sink_for(Format format) {
    if (format == Format::journald) return std::make_shared<JournalSink>();
    return std::make_shared<LineSink>(STDERR_FILENO);
}

}  // namespace

void start(const Settings& settings) {
    auto& s = state();
    std::lock_guard lock(s.control);
    current_level = settings.level;
    redacting = settings.redact;
    const Format format = resolved(s.fixed_format.value_or(settings.format), STDERR_FILENO);
    if (s.thread && format == s.output.format) return;

    Output output{format, ::isatty(STDERR_FILENO) != 0, false, nullptr};
    const bool first = !s.thread;
    const auto before = std::exchange(s.sink, sink_for(format));
    if (first) s.thread = std::make_shared<spdlog::details::thread_pool>(kQueued, 1, on_thread_start);
    s.sink->attach(*s.thread, [output](std::size_t lines) {
        const Field field = kv("lines", lines);
        return line_for(output, Level::warn, "log.dropped", {&field, 1});
    });
    output.logger = std::make_shared<spdlog::async_logger>("", s.sink, s.thread,
                                                           spdlog::async_overflow_policy::overrun_oldest);
    s.publish(std::move(output));
    if (!first) before->detach();  // what is still queued for it is written line by line
}

void fix_format(std::optional<Format> format) {
    auto& s = state();
    std::lock_guard lock(s.control);
    s.fixed_format = format;
}

void capture(std::function<void(std::string_view line)> take) {
    auto& s = state();
    std::lock_guard lock(s.control);
    current_level = Level::info;
    s.publish({Format::text, false, true, at_once(std::make_shared<CaptureSink>(std::move(take)))});
}

void stop() {
    auto& s = state();
    std::lock_guard lock(s.control);
    if (std::shared_lock writing(s.in_use); s.thread) put_summaries(s, Repeats::Time::max());
    if (!s.thread) {
        if (s.output.bare) s.publish({Format::text, ::isatty(STDERR_FILENO) != 0, false, at_once(s.sink)});
        return;
    }
    const Output queued = s.publish({s.output.format, s.output.terminal, false, at_once(s.sink)});
    s.sink->detach();
    s.thread.reset();  // writes out what is queued, through a logger that has to be there until then
}

bool enabled(Level level) noexcept { return level >= current_level.load(std::memory_order_relaxed); }

Field number(std::string_view key, std::string_view value) {
    const bool hide = redacting.load(std::memory_order_relaxed);
    return {key, hide ? masked_number(value) : std::string(value), true};
}

Field said(std::string_view key, std::string_view value) {
    if (!redacting.load(std::memory_order_relaxed)) return kv(key, value);
    return kv(key, fmt::format("({} bytes, kept out by log.redact)", value.size()));
}

void tick() {
    auto& s = state();
    const auto now = Repeats::Time::clock::now();
    if (!s.repeats.is_due(now)) return;
    std::shared_lock lock(s.in_use);
    put_summaries(s, now);
}

void write(Level level, std::string_view name, std::span<const Field> fields) {
    if (!enabled(level)) return;
    auto& s = state();
    const auto now = Repeats::Time::clock::now();
    std::shared_lock lock(s.in_use);
    if (s.repeats.is_due(now)) put_summaries(s, now);
    if (level >= Level::warn && !s.repeats.pass(level, name, fields, now)) return;
    put(s.output, level, name, fields);
}

}  // namespace hookswitch::log
