#include "handlers/plugin_trial.hpp"

#include "daemon/core/lines.hpp"
#include "daemon/core/units.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using boost::asio::posix::descriptor_base;
using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

constexpr std::size_t kMostText = std::size_t{16} << 10;  // kept of each of its outputs
constexpr int kReadsAtEnd = 16;                           // what a pipe may be enlarged to

bool try_again() { return errno == EAGAIN || errno == EINTR; }

enum class Got { bytes, nothing, end };

Got read_some(stream_descriptor& from, std::string& into) {
    std::array<char, 4096> bytes;
    const ssize_t n = ::read(from.native_handle(), bytes.data(), bytes.size());
    if (n < 0 && try_again()) return Got::nothing;
    if (n <= 0) return Got::end;
    if (into.size() < kMostText) into.append(bytes.data(), static_cast<std::size_t>(n));
    return Got::bytes;
}

// ---- the process that is tried in; its report is one word a line, and what it is about

class ReportPipe {
public:
    // What the plugin prints goes to standard error.
    ReportPipe() : fd_(::dup(STDOUT_FILENO)) { ::dup2(STDERR_FILENO, STDOUT_FILENO); }

    void say(const std::string& line) const {
        const std::string text = line + '\n';
        if (::write(fd_, text.data(), text.size()) < 0) ::_exit(1);  // the daemon is gone
    }

    // Not through exit(): what a plugin leaves behind there is not tried.
    [[noreturn]] void end(const std::string& line, int status) const {
        say(line);
        ::_exit(status);
    }

private:
    int fd_;
};

std::string read_to_end(int fd) {
    std::string text;
    std::array<char, 65536> bytes;
    for (ssize_t n; (n = ::read(fd, bytes.data(), bytes.size())) != 0;) {
        if (n > 0) text.append(bytes.data(), static_cast<std::size_t>(n));
        if (n < 0 && errno != EINTR) break;
    }
    return text;
}

std::string one_line(std::string text) {
    for (char& c : text)
        if (c == '\n') c = ' ';
    return text;
}

void log_to_standard_error(int, std::string_view text) {
    const std::string line = std::string(text) + '\n';
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) ::_exit(1);
}

// ---- what the daemon makes of the report

struct Reported {
    std::string stage;  // the last one that it came to
    std::optional<std::string> failure;
    std::optional<PluginFacts> facts;
};

// "0 unloads some-name"
PluginFacts read_facts(std::string_view text) {
    PluginFacts facts;
    const auto first = std::min(text.find(' '), text.size());
    std::from_chars(text.data(), text.data() + first, facts.max_threads);
    text.remove_prefix(std::min(first + 1, text.size()));
    const auto second = std::min(text.find(' '), text.size());
    facts.unloads = text.substr(0, second) == "unloads";
    facts.name = text.substr(std::min(second + 1, text.size()));
    return facts;
}

Reported read_report(std::string_view text) {
    Reported reported;
    for_each_line(text, [&](std::string_view line) {
        const auto space = std::min(line.find(' '), line.size());
        const std::string_view word = line.substr(0, space);
        const std::string_view rest = line.substr(std::min(space + 1, line.size()));
        if (word == "at") reported.stage = rest;
        if (word == "failed") reported.failure = rest;
        if (word != "ok") return;
        reported.facts = read_facts(rest);
    });
    return reported;
}

}  // namespace

void run_plugin_trial() {
    const ReportPipe report;
    const std::string input = read_to_end(STDIN_FILENO);
    const auto middle = input.find('\0');
    if (middle == input.npos) report.end("failed no settings came", 1);
    const std::string settings = input.substr(0, middle);
    auto image = PluginImage::copy(std::string_view(input).substr(middle + 1));
    if (!image) report.end("failed " + one_line(image.error().what()), 1);

    report.say("at loading");
    auto loaded = PluginLibrary::load(*std::move(image));
    if (!loaded) report.end("failed " + one_line(loaded.error().what()), 1);
    const auto library = *std::move(loaded);
    const std::string threads = std::to_string(library->max_threads()), name(library->name());
    report.say("at start()");
    if (auto r = library->start(settings, true, &log_to_standard_error); !r)
        report.end("failed " + one_line(r.error().what()), 1);
    report.say("at stop()");
    library->stop();
    report.say("at unloading");
    const bool unloads = library->unload();
    report.end("ok " + threads + (unloads ? " unloads " : " stays ") + one_line(name), 0);
}

PluginTrial::PluginTrial(const PluginSettings& settings, std::shared_ptr<const PluginImage> image,
                         const asio::any_io_executor& executor, Done done)
    : settings_(settings),
      image_(std::move(image)),
      executor_(executor),
      done_(std::move(done)),
      timer_(executor) {}

std::shared_ptr<PluginTrial> PluginTrial::begin(const PluginSettings& settings,
                                                std::shared_ptr<const PluginImage> image,
                                                const asio::any_io_executor& executor, Done done) {
    auto self = std::make_shared<PluginTrial>(settings, std::move(image), executor, std::move(done));
    self->run();
    return self;
}

void PluginTrial::run() {
    const ProcessCommand command{{"/proc/self/exe", std::string(kPluginTrial)}, {}, {}, std::nullopt};
    auto process = Process::spawn(command, executor_);
    if (!process)
        return asio::post(executor_, [self = shared_from_this(), why = process.error()] {
            if (const auto done = std::exchange(self->done_, nullptr)) done(why, {});
        });
    process_ = *std::move(process);
    timer_.expires_after(settings_.start_timeout);
    timer_.async_wait([self = shared_from_this()](error_code error) {
        if (error || !self->process_) return;
        self->too_long_ = true;
        self->process_->signal(SIGKILL);
    });
    send_input();
    await_text(process_->output, report_);
    await_text(process_->errors, errors_);
    await_exit();
}

// The settings, a zero byte, the library.
void PluginTrial::send_input() {
    const std::string& settings = settings_.settings;
    const std::string_view library = image_->bytes();
    const std::size_t head = settings.size() + 1;
    const std::size_t in_library = sent_ > head ? sent_ - head : 0;
    std::array<iovec, 2> parts{};
    if (sent_ < head) parts[0] = {const_cast<char*>(settings.c_str()) + sent_, head - sent_};
    parts[1] = {const_cast<char*>(library.data()) + in_library, library.size() - in_library};
    const ssize_t n = ::writev(process_->input.native_handle(), parts.data(), 2);
    if (n > 0) sent_ += static_cast<std::size_t>(n);
    if (sent_ == head + library.size() || (n < 0 && !try_again())) return process_->input.close();
    process_->input.async_wait(descriptor_base::wait_write, [self = shared_from_this()](error_code error) {
        if (!error && self->process_) self->send_input();
    });
}

void PluginTrial::await_text(stream_descriptor& from, std::string& into) {
    from.async_wait(descriptor_base::wait_read, [self = shared_from_this(), &from, &into](error_code error) {
        if (error || !self->process_) return;
        if (read_some(from, into) != Got::end) self->await_text(from, into);
    });
}

void PluginTrial::await_exit() {
    process_->exited.async_wait(descriptor_base::wait_read, [self = shared_from_this()](error_code error) {
        if (!error && self->process_) self->finish(self->process_->reap());
    });
}

void PluginTrial::finish(const ExitStatus& status) {
    for (int i = 0; i < kReadsAtEnd && read_some(process_->output, report_) == Got::bytes; ++i) continue;
    for (int i = 0; i < kReadsAtEnd && read_some(process_->errors, errors_) == Got::bytes; ++i) continue;
    timer_.cancel();
    process_.reset();
    if (const auto done = std::exchange(done_, nullptr)) done(verdict(status), std::move(errors_));
}

Result<PluginFacts> PluginTrial::verdict(const ExitStatus& status) const {
    const Reported reported = read_report(report_);
    if (reported.failure) return fail(Errc::invalid_config, *reported.failure);
    if (reported.facts) return *reported.facts;
    const std::string where = reported.stage.empty() ? "" : " in " + reported.stage;
    if (too_long_)
        return fail(Errc::invalid_config,
                    "it hung" + where + " for " + duration_text(settings_.start_timeout));
    return fail(Errc::invalid_config, "it ended its process" + where + ": " + status.describe());
}

void PluginTrial::abandon() {
    done_ = nullptr;
    timer_.cancel();
    process_.reset();
}

Result<PluginFacts> try_plugin(const PluginSettings& settings, std::string& errors) {
    TRY(auto image, PluginImage::read(settings.library));
    asio::io_context context;
    std::optional<Result<PluginFacts>> verdict;
    PluginTrial::begin(settings, image, context.get_executor(),
                       [&](Result<PluginFacts> facts, std::string text) {
                           verdict = std::move(facts);
                           errors = std::move(text);
                       });
    context.run();
    if (!verdict) return fail(Errc::handler_failed, "its trial came to no end");
    return *std::move(verdict);
}

}  // namespace hookswitch
