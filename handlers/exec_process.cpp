#include "handlers/exec_process.hpp"

#include "daemon/io/log.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using boost::asio::posix::descriptor_base;
using boost::system::error_code;
using log::kv;

constexpr std::size_t kRead = std::size_t{64} << 10;  // what a pipe holds
constexpr auto kKillGrace = 1s;                       // between SIGTERM and SIGKILL

}  // namespace

Result<std::shared_ptr<ExecProcess>> ExecProcess::start(Job job, const boost::asio::any_io_executor& executor,
                                                        std::shared_ptr<Throttle> error_rate, Owner owner) {
    TRY(auto process, Process::spawn(job.command, executor));
    std::shared_ptr<ExecProcess> self(new ExecProcess(std::move(job), std::move(process), executor,
                                                      std::move(error_rate), std::move(owner)));
    self->begin();
    return self;
}

ExecProcess::ExecProcess(Job job, std::unique_ptr<Process> process,
                         const boost::asio::any_io_executor& executor, std::shared_ptr<Throttle> error_rate,
                         Owner owner)
    : job_(std::move(job)),
      process_(std::move(process)),
      pid_(process_->pid()),
      owner_(std::move(owner)),
      timer_(executor),
      errors_("exec.stderr",
              {kv("handler", job_.handler), kv("id", job_.id), kv("call", job_.call), kv("pid", pid_)},
              std::move(error_rate)) {}

void ExecProcess::begin() {
    after(job_.left, [this] {
        kill("it had not exited by its deadline");
        owner_.cut_off();
    });
    send_input();
    await_output();
    await_errors();
    await_exit();
}

// Runs `then` unless something else has been scheduled meanwhile; a timer that has expired cannot
// be called back, so being cancelled is not enough.
template <class F>
void ExecProcess::after(std::chrono::milliseconds wait, F then) {
    timer_.expires_after(wait);
    timer_.async_wait([self = shared_from_this(), then](error_code error) {
        if (!error && self->process_ && self->timer_.expiry() <= std::chrono::steady_clock::now()) then();
    });
}

// ---- standard input

// A program that does not read all of it may have read enough: that is no failure.
void ExecProcess::send_input() {
    const std::string_view rest = std::string_view(job_.input).substr(sent_);
    const ssize_t n = ::write(process_->input.native_handle(), rest.data(), rest.size());
    if (n > 0) sent_ += static_cast<std::size_t>(n);
    if (sent_ == job_.input.size() || (n < 0 && !try_again_later())) {
        process_->input.close();
        job_.input = {};
        return;
    }
    process_->input.async_wait(descriptor_base::wait_write, [self = shared_from_this()](error_code error) {
        if (!error && self->process_) self->send_input();
    });
}

// ---- standard output

// Waiting and reading are two steps, so that no operation owns the buffer while collect() reads.
void ExecProcess::await_output() {
    process_->output.async_wait(descriptor_base::wait_read, [self = shared_from_this()](error_code error) {
        if (error || !self->process_) return;
        if (self->read_output() != Got::end) self->await_output();
    });
}

// Once it is being killed nobody heeds what it says, but it shall not block on its way out.
ExecProcess::Got ExecProcess::read_output() {
    std::array<char, kRead> bytes;
    const ssize_t n = ::read(process_->output.native_handle(), bytes.data(), bytes.size());
    if (n < 0 && try_again_later()) return Got::nothing;
    if (n <= 0) return Got::end;
    if (!killed_because_.empty()) return Got::bytes;
    output_.append(bytes.data(), static_cast<std::size_t>(n));
    if (output_.size() > job_.max_output) kill(fmt::format("it wrote more than {} bytes", job_.max_output));
    return Got::bytes;
}

// ---- standard error: the log

void ExecProcess::await_errors() {
    process_->errors.async_wait(descriptor_base::wait_read, [self = shared_from_this()](error_code error) {
        if (error || !self->process_) return;
        const auto got = self->errors_.read(self->process_->errors.native_handle());
        if (got != Got::end) self->await_errors();
    });
}

// ---- its end

void ExecProcess::kill(std::string_view why) {
    if (!process_ || !killed_because_.empty()) return;
    killed_because_ = why;
    output_ = {};
    log::warn("exec.killed", kv("handler", job_.handler), kv("id", job_.id), kv("call", job_.call),
              kv("pid", pid_), kv("why", why));
    process_->signal(SIGTERM);
    after(kKillGrace, [this] { process_->signal(SIGKILL); });
}

void ExecProcess::abandon() {
    owner_ = {};
    timer_.cancel();
    process_.reset();
}

void ExecProcess::await_exit() {
    process_->exited.async_wait(descriptor_base::wait_read, [self = shared_from_this()](error_code error) {
        if (!error && self->process_) self->collect();
    });
}

void ExecProcess::collect() {
    const ExitStatus status = process_->reap();
    // What it wrote before it ended is in the pipes. A child that has left its group may go on writing.
    while (killed_because_.empty() && read_output() == Got::bytes) continue;
    errors_.finish(process_->errors.native_handle());

    timer_.cancel();
    process_.reset();
    log::debug("exec.exited", kv("handler", job_.handler), kv("id", job_.id), kv("call", job_.call),
               kv("pid", pid_), kv("why", status.describe()));
    const auto ended = std::exchange(owner_, {}).ended;
    ended(result(status));
}

Result<std::string> ExecProcess::result(const ExitStatus& status) {
    if (!killed_because_.empty())
        return fail(Errc::handler_failed, "the program was killed: " + killed_because_);
    if (status.signal != 0) return fail(Errc::handler_failed, "the program was " + status.describe());
    if (status.code != 0) return fail(Errc::handler_failed, "the program " + status.describe());
    return std::move(output_);
}

}  // namespace hookswitch
