#include "daemon/io/log_sinks.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace hookswitch::log {
namespace {

constexpr std::size_t kBatch = 32 << 10;  // one write for that much, when lines come faster than that

// Writes all of it, whatever the other end's mood; a broken end loses the rest, and nobody is told,
// because this was the way to tell.
void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(fd, text.data(), text.size());
        if (n >= 0) {
            text.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {  // somebody else made the shared terminal or pipe non-blocking
            pollfd end{fd, POLLOUT, 0};
            ::poll(&end, 1, -1);
        } else if (errno != EINTR) {
            return;
        }
    }
}

// systemd sets JOURNAL_STREAM to device:inode of the stream it made; standard error may have been
// redirected since.
bool is_journal_stream(int fd) {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (!stream || ::fstat(fd, &status) != 0) return false;
    return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace

Format resolved(Format format, int fd) {
    if (format != Format::automatic) return format;
    if (::isatty(fd)) return Format::text;
    return is_journal_stream(fd) ? Format::journald : Format::json;
}

void Sink::attach(spdlog::details::thread_pool& queue, std::function<std::string(std::size_t)> dropped_line) {
    std::lock_guard lock(mutex_);
    queue_ = &queue;
    dropped_line_ = std::move(dropped_line);
    dropped_ = queue.overrun_counter();
}

void Sink::detach() {
    std::lock_guard lock(mutex_);
    if (queue_) report_dropped();
    queue_ = nullptr;
    flush_();
}

void Sink::sink_it_(const spdlog::details::log_msg& message) {
    // At most once a second: reports must not displace what they report about.
    if (queue_ && std::chrono::steady_clock::now() - reported_at_ > std::chrono::seconds(1)) report_dropped();
    deliver({message.payload.data(), message.payload.size()});
}

void Sink::report_dropped() {
    const auto total = queue_->overrun_counter();
    if (total == dropped_) return;
    reported_at_ = std::chrono::steady_clock::now();
    deliver(dropped_line_(total - std::exchange(dropped_, total)));
}

void LineSink::deliver(std::string_view line) {
    lines_.append(line).append("\n");
    if (lines_.size() >= kBatch || !more_is_waiting()) flush_();
}

void LineSink::flush_() {
    write_all(fd_, lines_);
    lines_.clear();
}

JournalSink::JournalSink(std::string socket_path, int fallback_fd)
    : path_(std::move(socket_path)),
      fallback_fd_(fallback_fd),
      socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

JournalSink::~JournalSink() {
    if (socket_ >= 0) ::close(socket_);
}

void JournalSink::deliver(std::string_view entry) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ssize_t sent;
    do
        sent = ::sendto(socket_, entry.data(), entry.size(), MSG_NOSIGNAL,
                        reinterpret_cast<sockaddr*>(&address), sizeof address);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) return;

    constexpr std::string_view kMessage = "MESSAGE=", kPriority = "\nPRIORITY=";
    const auto end = entry.find(kPriority);
    std::string line = "<";
    line.append(entry.substr(end + kPriority.size(), 1)).append(">");
    line.append(entry.substr(kMessage.size(), end - kMessage.size())).append("\n");
    write_all(fallback_fd_, line);
}

}  // namespace hookswitch::log
