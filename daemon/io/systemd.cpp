#include "daemon/io/systemd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace hookswitch::systemd {
namespace {

template <class Number>
std::optional<Number> number_from_environment(const char* name) {
    const char* text = std::getenv(name);
    if (!text) return std::nullopt;
    Number value{};
    const char* end = text + std::strlen(text);
    const auto [p, ec] = std::from_chars(text, end, value);
    if (ec != std::errc() || p != end) return std::nullopt;
    return value;
}

// Both variables below may be meant for our parent; then they name it.
bool meant_for_us(const char* pid_variable) {
    const auto pid = number_from_environment<pid_t>(pid_variable);
    return !pid || *pid == getpid();
}

}  // namespace

void notify(std::string_view state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    if (!path || (*path != '/' && *path != '@')) return;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t size = std::strlen(path);
    if (size >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, path, size);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // the abstract namespace
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    // Not waiting: a manager that does not read must not stop calls from being answered.
    sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
    close(fd);
}

void notify_reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

std::optional<std::chrono::microseconds> watchdog_interval() {
    const auto usec = number_from_environment<std::int64_t>("WATCHDOG_USEC");
    if (!usec || *usec <= 0 || !meant_for_us("WATCHDOG_PID")) return std::nullopt;
    return std::chrono::microseconds(*usec / 2);
}

std::vector<int> listen_fds() {
    constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
    const auto count = number_from_environment<int>("LISTEN_FDS");
    if (!count || !std::getenv("LISTEN_PID") || !meant_for_us("LISTEN_PID")) return {};
    std::vector<int> fds;
    for (int fd = kFirst; fd < kFirst + *count; ++fd) {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) fds.push_back(fd);
    }
    return fds;
}

}  // namespace hookswitch::systemd
