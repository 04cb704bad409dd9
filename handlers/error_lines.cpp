#include "handlers/error_lines.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace hookswitch {
namespace {

using log::kv;

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kRead = std::size_t{64} << 10;  // what a pipe holds
constexpr int kReadsAtEnd = 16;                       // what a pipe may be enlarged to

}  // namespace

bool try_again_later() { return errno == EAGAIN || errno == EINTR; }

ErrorLines::ErrorLines(std::string_view event, std::vector<log::Field> about, std::shared_ptr<Throttle> rate)
    : event_(event), about_(std::move(about)), rate_(std::move(rate)), lines_(kMaxLine) {}

std::shared_ptr<Throttle> ErrorLines::at_most(std::size_t lines_a_second) {
    return std::make_shared<Throttle>(lines_a_second, std::chrono::seconds(1));
}

ErrorLines::Got ErrorLines::read(int fd) {
    std::array<char, kRead> bytes;
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n < 0 && try_again_later()) return Got::nothing;
    if (n <= 0) return Got::end;
    lines_.feed({bytes.data(), static_cast<std::size_t>(n)}, [this](std::string_view line) { write(line); });
    return Got::bytes;
}

// A child of its own may go on writing for ever.
void ErrorLines::finish(int fd) {
    for (int i = 0; i < kReadsAtEnd && read(fd) == Got::bytes; ++i) continue;
    lines_.finish([this](std::string_view line) { write(line); });
    if (const auto lines = rate_->take_held_back(); lines > 0) write_suppressed(lines);
}

void ErrorLines::write(std::string_view line) {
    if (line.empty()) return;
    const auto held_back = rate_->pass(std::chrono::steady_clock::now());
    if (!held_back) return;
    if (*held_back > 0) write_suppressed(*held_back);
    auto fields = about_;
    fields.push_back(kv("line", line));
    log::write(log::Level::info, event_, fields);
}

void ErrorLines::write_suppressed(std::size_t lines) {
    auto fields = about_;
    fields.push_back(kv("suppressed", lines));
    log::write(log::Level::warn, event_, fields);
}

}  // namespace hookswitch
