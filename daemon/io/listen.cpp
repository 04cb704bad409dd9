#include "daemon/io/listen.hpp"

#include "daemon/io/systemd.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Generic = asio::generic::stream_protocol;

// Short enough to shed load rather than let callers wait in the kernel; nginx's default.
constexpr int kBacklog = 511;

std::string name_of(const tcp::endpoint& endpoint) {
    const auto host = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

std::string bound_name(const asio::basic_socket_acceptor<Generic>& acceptor) {
    error_code ec;
    const Generic::endpoint bound = acceptor.local_endpoint(ec);
    tcp::endpoint address;
    address.resize(bound.size());
    std::memcpy(address.data(), bound.data(), bound.size());
    return name_of(address);
}

Result<Listener> listen_on(asio::io_context& context, const Generic::endpoint& endpoint,
                           const std::string& name) {
    asio::basic_socket_acceptor<Generic> acceptor(context);
    const int family = endpoint.protocol().family();
    error_code ec;
    acceptor.open(endpoint.protocol(), ec);
    if (!ec && family != AF_UNIX) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
    if (!ec && family == AF_INET6) acceptor.set_option(asio::ip::v6_only(true), ec);
    if (!ec) acceptor.bind(endpoint, ec);
    if (!ec) acceptor.listen(kBacklog, ec);
    if (ec) return fail(ec, "listen on " + name);
    return Listener{std::move(acceptor), name, {}};
}

// What systemd calls a listener that it keeps for us; its names have no colon.
constexpr std::string_view kKeptPrefix = "listener-";

std::string kept_name(const std::string& address) {
    std::string name = std::string(kKeptPrefix) + address;
    std::replace(name.begin(), name.end(), ':', '_');
    return name;
}

bool is_kept(const systemd::PassedFd& passed) { return passed.name.starts_with(kKeptPrefix); }

Result<Listener> adopt(asio::io_context& context, int fd, int family) {
    asio::basic_socket_acceptor<Generic> acceptor(context);
    error_code ec;
    acceptor.assign(Generic(family, family == AF_UNIX ? 0 : IPPROTO_TCP), fd, ec);
    if (ec) return fail(ec, "take socket from systemd");
    std::string name = family == AF_UNIX ? "systemd:" + std::to_string(fd) : bound_name(acceptor);
    return Listener{std::move(acceptor), std::move(name), {}};
}

// The listener that an earlier process of the service had at this endpoint.
std::optional<Result<Listener>> kept_listener(asio::io_context& context, const tcp::endpoint& endpoint) {
    for (const auto& passed : systemd::listen_fds())
        if (passed.name == kept_name(name_of(endpoint)))
            return adopt(context, passed.fd, endpoint.protocol().family());
    return std::nullopt;
}

Result<Listener> listen_on(asio::io_context& context, const tcp::endpoint& endpoint,
                           const std::string& name) {
    auto kept = kept_listener(context, endpoint);
    auto listener = kept ? *std::move(kept) : listen_on(context, Generic::endpoint(endpoint), name);
    if (!listener) return listener;
    listener->address = bound_name(listener->acceptor);
    listener->keep = endpoint.port() != 0;
    return listener;
}

Result<std::vector<Listener>> listen_tcp(asio::io_context& context, const std::string& listen) {
    const auto colon = listen.rfind(':');
    std::string host = listen.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    tcp::resolver resolver(context);
    error_code ec;
    const auto found = resolver.resolve(host, listen.substr(colon + 1), tcp::resolver::passive, ec);
    if (ec) return fail(ec, "resolve " + listen);
    std::vector<Listener> listeners;
    for (const auto& entry : found) {
        TRY(auto listener, listen_on(context, entry.endpoint(), listen));
        listeners.push_back(std::move(listener));
    }
    return listeners;
}

// True if a process accepts connections there; a file left by a crash refuses them.
bool is_alive(asio::io_context& context, const asio::local::stream_protocol::endpoint& endpoint) {
    asio::local::stream_protocol::socket probe(context);
    error_code ec;
    probe.connect(endpoint, ec);
    return !ec;
}

Result<std::vector<Listener>> listen_unix(asio::io_context& context, const std::string& path, mode_t mode) {
    sockaddr_un limits{};
    if (path.size() >= sizeof limits.sun_path)
        return fail(Errc::invalid_config, "listen on unix:" + path + ": path too long for a Unix socket");
    const asio::local::stream_protocol::endpoint endpoint(path);
    struct stat info {};
    if (lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) {
        if (is_alive(context, endpoint))
            return fail(error_code(EADDRINUSE, boost::system::system_category()), "listen on unix:" + path);
        unlink(path.c_str());
    }
    TRY(auto listener, listen_on(context, Generic::endpoint(endpoint), "unix:" + path));
    if (chmod(path.c_str(), mode) != 0)
        return fail(error_code(errno, boost::system::system_category()), "chmod " + path);
    listener.unix_path = path;
    std::vector<Listener> listeners;
    listeners.push_back(std::move(listener));
    return listeners;
}

Result<std::vector<Listener>> listen_inherited(asio::io_context& context) {
    std::vector<Listener> listeners;
    for (const auto& passed : systemd::listen_fds()) {
        if (is_kept(passed)) continue;
        int family = 0;
        socklen_t size = sizeof family;
        if (getsockopt(passed.fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0)
            return fail(error_code(errno, boost::system::system_category()), "take socket from systemd");
        TRY(auto listener, adopt(context, passed.fd, family));
        listeners.push_back(std::move(listener));
    }
    if (listeners.empty())
        return fail(Errc::invalid_config,
                    "listen on systemd: no sockets were passed: enable hookswitch.socket");
    return listeners;
}

}  // namespace

Result<std::vector<Listener>> open_listeners(asio::io_context& context, std::string_view listen,
                                             mode_t unix_mode) {
    constexpr std::string_view kUnix = "unix:";
    if (listen == "systemd") return listen_inherited(context);
    if (listen.starts_with(kUnix))
        return listen_unix(context, std::string(listen.substr(kUnix.size())), unix_mode);
    return listen_tcp(context, std::string(listen));
}

void keep_across_restarts(std::vector<Listener>& listeners) {
    std::vector<std::string> names;
    for (Listener& listener : listeners) {
        if (!listener.keep) continue;
        names.push_back(kept_name(listener.address));
        systemd::store_fd(listener.acceptor.native_handle(), names.back());
    }
    for (const auto& passed : systemd::listen_fds()) {
        if (!is_kept(passed) || std::ranges::find(names, passed.name) != names.end()) continue;
        ::close(passed.fd);
        systemd::drop_stored_fd(passed.name);
    }
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace hookswitch
