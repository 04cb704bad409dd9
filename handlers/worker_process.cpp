#include "handlers/worker_process.hpp"

#include "daemon/io/log.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <signal.h>
#include <unistd.h>

#include <span>
#include <utility>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using boost::asio::posix::descriptor_base;
using boost::system::error_code;
using log::kv;

constexpr std::size_t kMaxLine = std::size_t{4} << 20;  // twice the largest body, and then some
constexpr std::size_t kMaxWorthless = 1000;             // lines in a row without an answer: killed
constexpr std::size_t kErrorLinesPerSecond = 100;
constexpr std::size_t kShown = 80;  // bytes of a line that explain it
constexpr auto kKillGrace = 1s;     // between SIGTERM and SIGKILL
constexpr auto kExitGrace = 100ms;  // a pipe ends a moment before its process does
constexpr int kDrainRounds = 64;    // reads after the exit: as much as one answer may be long

std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

}  // namespace

Result<std::shared_ptr<WorkerProcess>> WorkerProcess::start(std::shared_ptr<const WorkerSettings> settings,
                                                            const boost::asio::any_io_executor& executor,
                                                            Owner owner) {
    const ProcessCommand command{settings->command, settings->directory, settings->environment};
    TRY(auto process, Process::spawn(command, executor));
    std::shared_ptr<WorkerProcess> self(
        new WorkerProcess(std::move(settings), std::move(process), executor, std::move(owner)));
    self->begin();
    return self;
}

WorkerProcess::WorkerProcess(std::shared_ptr<const WorkerSettings> settings, std::unique_ptr<Process> process,
                             const boost::asio::any_io_executor& executor, Owner owner)
    : settings_(std::move(settings)),
      process_(std::move(process)),
      pid_(process_->pid()),
      owner_(std::move(owner)),
      timer_(executor),
      lines_(kMaxLine),
      complaints_(1, 1s),
      errors_("worker.stderr", {kv("handler", settings_->name), kv("pid", pid_)},
              ErrorLines::at_most(kErrorLinesPerSecond)) {}

void WorkerProcess::begin() {
    after(settings_->start_timeout, [this] {
        if (phase_ == Phase::starting)
            kill(fmt::format("no handshake within {} ms", settings_->start_timeout.count()));
    });
    await_output();
    await_errors();
    await_exit();
}

// Runs `then` unless something else has been scheduled meanwhile; a timer that has expired cannot
// be called back, so being cancelled is not enough.
template <class F>
void WorkerProcess::after(std::chrono::milliseconds wait, F then) {
    timer_.expires_after(wait);
    timer_.async_wait([self = shared_from_this(), then](error_code error) {
        if (!error && self->phase_ != Phase::gone && self->timer_.expiry() <= now()) then();
    });
}

// ---- standard output: answers

// Waiting and reading are two steps, so that no operation owns the buffer while collect() reads.
void WorkerProcess::await_output() {
    process_->output.async_wait(descriptor_base::wait_read, [self = shared_from_this()](error_code error) {
        if (!error && self->phase_ < Phase::dying) self->read_output();
    });
}

void WorkerProcess::read_output() {
    const Got got = read_lines();
    if (phase_ >= Phase::dying) return;  // for what it wrote
    if (got == Got::end) return leave("it closed its standard output", kExitGrace);
    await_output();
}

// One read, however much there is: the loop turns to the others before the next.
WorkerProcess::Got WorkerProcess::read_lines() {
    const std::span<char> space = lines_.space();
    const ssize_t n = ::read(process_->output.native_handle(), space.data(), space.size());
    if (n < 0 && try_again_later()) return Got::nothing;
    if (n <= 0) return Got::end;
    if (!listening()) return Got::bytes;  // nobody heeds it, but it shall not block on its way out

    lines_.commit(static_cast<std::size_t>(n));
    while (listening()) {
        const auto line = lines_.next();
        if (!line) break;
        take(*line);
    }
    if (listening() && lines_.overflowed()) kill("it wrote a line of more than 4 MiB");
    return Got::bytes;
}

void WorkerProcess::take(std::string_view line) {
    WorkerFrame frame = parse_padded_worker_frame(line);
    if (phase_ == Phase::starting) return greet(frame, line);

    const Verdict verdict = judge(frame);
    if (verdict == Verdict::answer) worthless_ = 0;
    if (verdict == Verdict::answer || verdict == Verdict::notice) return;
    if (verdict == Verdict::unknown) complain(frame, line);
    if (++worthless_ >= kMaxWorthless && listening())
        kill(fmt::format("{} lines in a row were no answer", kMaxWorthless));
}

WorkerProcess::Verdict WorkerProcess::judge(WorkerFrame& frame) {
    if (std::holds_alternative<Garbage>(frame) || std::holds_alternative<Handshake>(frame))
        return Verdict::unknown;
    return owner_.frame(frame);
}

void WorkerProcess::greet(const WorkerFrame& frame, std::string_view line) {
    const auto* handshake = std::get_if<Handshake>(&frame);
    if (handshake && handshake->version == 1) {
        phase_ = Phase::running;
        timer_.cancel();
        log::info("worker.started", kv("handler", settings_->name), kv("pid", pid_));
        return owner_.ready();
    }
    if (handshake)
        return kill(fmt::format("it speaks version {} of the protocol, not 1", handshake->version));
    kill(fmt::format("its first line is not {{\"hookswitch\":1}} but: {}", line.substr(0, kShown)));
}

void WorkerProcess::complain(const WorkerFrame& frame, std::string_view line) {
    const auto held_back = complaints_.pass(now());
    if (!held_back) return;
    const auto* garbage = std::get_if<Garbage>(&frame);
    const auto why = garbage ? std::string_view(garbage->why) : "no event in work here asks for it";
    log::warn("worker.garbage", kv("handler", settings_->name), kv("pid", pid_), kv("why", why),
              kv("more", *held_back));
    // It may be half an answer about a caller, so it is shown only to who asks for it.
    log::debug("worker.garbage", kv("pid", pid_), log::said("line", line.substr(0, kShown)));
}

// ---- standard error: the log

void WorkerProcess::await_errors() {
    process_->errors.async_wait(descriptor_base::wait_read, [self = shared_from_this()](error_code error) {
        if (error || self->phase_ == Phase::gone) return;
        const auto got = self->errors_.read(self->process_->errors.native_handle());
        if (got != Got::end) self->await_errors();
    });
}

// ---- standard input: events

bool WorkerProcess::send(std::string_view line) {
    const bool waiting = !unsent_.empty();
    if (!waiting) line.remove_prefix(write(line));
    if (deaf_) return false;
    if (line.empty()) return true;
    unsent_.append(line);
    if (!waiting) await_input();
    return true;
}

std::size_t WorkerProcess::write(std::string_view text) {
    const ssize_t n = ::write(process_->input.native_handle(), text.data(), text.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (!try_again_later()) {
        // It has most likely just exited; answers that it wrote before are still to be read.
        deaf_ = true;
        after(kExitGrace, [this] { kill("it closed its standard input"); });
    }
    return 0;
}

void WorkerProcess::await_input() {
    process_->input.async_wait(descriptor_base::wait_write, [self = shared_from_this()](error_code error) {
        if (!error && self->listening()) self->flush();
    });
}

void WorkerProcess::flush() {
    sent_ += write(std::string_view(unsent_).substr(sent_));
    if (deaf_) return;
    if (sent_ < unsent_.size()) return await_input();
    unsent_ = {};
    sent_ = 0;
}

// ---- its end

void WorkerProcess::close(std::chrono::milliseconds grace) {
    if (phase_ == Phase::gone) return;
    asked_ = true;
    process_->input.close();
    leave("it has not exited at the end of its input", grace);
}

void WorkerProcess::leave(std::string why, std::chrono::milliseconds grace) {
    if (!listening()) return;
    phase_ = Phase::leaving;
    after(grace, [this, why = std::move(why)] { kill(why); });
    lose();
}

void WorkerProcess::kill(std::string_view why) {
    if (phase_ >= Phase::dying) return;
    phase_ = Phase::dying;
    log::warn("worker.killed", kv("handler", settings_->name), kv("pid", pid_), kv("why", why));
    process_->signal(SIGTERM);
    after(kKillGrace, [this] { process_->signal(SIGKILL); });
    lose();
}

void WorkerProcess::lose() {
    if (!std::exchange(lost_, true)) owner_.lost();
}

void WorkerProcess::abandon() {
    phase_ = Phase::gone;
    lost_ = true;
    timer_.cancel();
    process_.reset();
}

void WorkerProcess::await_exit() {
    process_->exited.async_wait(descriptor_base::wait_read, [self = shared_from_this()](error_code error) {
        if (!error && self->phase_ != Phase::gone) self->collect();
    });
}

void WorkerProcess::collect() {
    const std::string why = process_->reap().describe();
    // What it wrote before it ended still counts.
    for (int i = 0; i < kDrainRounds && listening() && read_lines() == Got::bytes;) ++i;
    if (phase_ == Phase::gone) return;
    errors_.finish(process_->errors.native_handle());

    phase_ = Phase::gone;
    timer_.cancel();
    process_.reset();
    const auto level = asked_ ? log::Level::info : log::Level::warn;
    const log::Field fields[] = {kv("handler", settings_->name), kv("pid", pid_), kv("why", why)};
    log::write(level, "worker.exited", fields);
    lose();
    owner_.exited(why);
}

}  // namespace hookswitch
