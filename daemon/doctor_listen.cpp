// Whether the clock is kept, and whether the daemon can have the addresses that it wants.

#include "daemon/core/address.hpp"
#include "daemon/doctor.hpp"

#include <spdlog/fmt/fmt.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

namespace hookswitch {
namespace {

struct Endpoint {
    sockaddr_storage address{};
    socklen_t size = 0;
    std::uint16_t port = 0;
};

// "127.0.0.1:8080", "[::1]:8080", as ServerSettings promises.
std::optional<Endpoint> endpoint_of(const std::string& listen) {
    const auto colon = listen.rfind(':');
    const auto address = Address::parse(std::string_view(listen).substr(0, colon));
    Endpoint endpoint;
    std::from_chars(listen.data() + colon + 1, listen.data() + listen.size(), endpoint.port);
    if (!address) return std::nullopt;
    if (listen.starts_with('[')) {
        auto& six = reinterpret_cast<sockaddr_in6&>(endpoint.address);
        six.sin6_family = AF_INET6;
        six.sin6_port = htons(endpoint.port);
        std::memcpy(&six.sin6_addr, address->bytes.data(), 16);
        endpoint.size = sizeof six;
    } else {
        auto& four = reinterpret_cast<sockaddr_in&>(endpoint.address);
        four.sin_family = AF_INET;
        four.sin_port = htons(endpoint.port);
        std::memcpy(&four.sin_addr, address->bytes.data() + 12, 4);
        endpoint.size = sizeof four;
    }
    return endpoint;
}

// 0, or why it could not be listened on. It is not: who starts at this moment is not in the way.
int try_to_bind(const Endpoint& endpoint) {
    const int fd = ::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (endpoint.address.ss_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.size) == 0;
    const int error = bound ? 0 : errno;
    ::close(fd);
    return error;
}

unsigned first_unprivileged_port() {
    std::ifstream in("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    unsigned port = 1024;
    in >> port;
    return port;
}

void check_tcp(const std::string& listen, const Unit& service, bool running, Findings& findings) {
    const auto endpoint = endpoint_of(listen);
    if (!endpoint) return;
    if (service.known() && endpoint->port > 0 && endpoint->port < first_unprivileged_port())
        return findings.fail(listen + ": a port that only root may have, and the service is not root",
                             "listen on a higher one behind a proxy, or use the socket unit");
    const int error = try_to_bind(*endpoint);
    if (error == 0)
        findings.ok(listen +
                    (running ? ": free, but a daemon is running: with another configuration?" : ": free"));
    else if (error == EADDRINUSE && running)
        findings.ok(listen + ": taken, by the running daemon as it seems");
    else if (error == EADDRINUSE)
        findings.fail(listen + ": taken by another program",
                      "ss -ltnp shows by which; stop it or listen elsewhere");
    else if (error == EADDRNOTAVAIL)
        findings.fail(listen + ": this machine does not have that address", "ip addr shows which it has");
    else
        findings.fail(listen + ": " + std::strerror(error), "listen on another address");
}

void check_unix(const std::filesystem::path& path, Findings& findings) {
    struct stat status {};
    if (::stat(path.parent_path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
        return findings.warn(path.parent_path().string() + " is no directory at the moment",
                             "make it; below /run a service needs RuntimeDirectory= for it");
    if ((status.st_mode & S_IXOTH) == 0)
        return findings.warn("unix:" + path.string() +
                                 ": others cannot enter its directory, a proxy of another "
                                 "user neither",
                             "chmod o+x " + path.parent_path().string() + ", or RuntimeDirectoryMode=0755");
    findings.ok("unix:" + path.string() + ": its directory is there");
}

}  // namespace

void check_listen(const Config& config, const Unit& service, Findings& findings) {
    const bool running = service.active() || (config.journal && holder_of(config.journal->path));
    auto listen = config.server.listen;
    if (config.admin) listen.push_back(config.admin->listen);
    for (const std::string& where : listen) {
        if (where == "systemd") continue;  // `service` looks at it
        if (where.starts_with("unix:"))
            check_unix(where.substr(5), findings);
        else
            check_tcp(where, service, running, findings);
    }
}

}  // namespace hookswitch
