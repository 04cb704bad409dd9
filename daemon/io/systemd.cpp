#include "daemon/io/systemd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>

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

// Puts `fd` beside the message (unix(7), SCM_RIGHTS).
class PassedAlong {
public:
    PassedAlong(msghdr& message, int fd) {
        message.msg_control = space_;
        message.msg_controllen = sizeof space_;
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }

private:
    alignas(cmsghdr) char space_[CMSG_SPACE(sizeof(int))] = {};
};

// To the service manager, with a descriptor unless it is negative.
void send(std::string_view state, int fd_to_pass) {
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
    std::string text(state);
    iovec bytes{text.data(), text.size()};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    std::optional<PassedAlong> passed_along;
    if (fd_to_pass >= 0) passed_along.emplace(message, fd_to_pass);
    // Not waiting: a manager that does not read must not stop calls from being answered.
    sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

}  // namespace

void notify(std::string_view state) { send(state, -1); }

void store_fd(int fd, std::string_view name) { send(std::string("FDSTORE=1\nFDNAME=").append(name), fd); }

void drop_stored_fd(std::string_view name) { notify(std::string("FDSTOREREMOVE=1\nFDNAME=").append(name)); }

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

std::vector<PassedFd> listen_fds() {
    constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
    const auto count = number_from_environment<int>("LISTEN_FDS");
    if (!count || !std::getenv("LISTEN_PID") || !meant_for_us("LISTEN_PID")) return {};
    const char* text = std::getenv("LISTEN_FDNAMES");
    std::string_view names = text ? text : "";
    std::vector<PassedFd> fds;
    for (int fd = kFirst; fd < kFirst + *count; ++fd) {
        const auto colon = std::min(names.find(':'), names.size());
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) fds.push_back({fd, std::string(names.substr(0, colon))});
        names.remove_prefix(std::min(colon + 1, names.size()));
    }
    return fds;
}

}  // namespace hookswitch::systemd
