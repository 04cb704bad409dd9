#pragma once

// A server on a real socket that does to each connection what the test says, byte for byte: late, half,
// wrong, with or without TLS. Everything blocks; each connection has a thread.

#include "tests/support/certificates.hpp"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

namespace hookswitch::test {

/// The server's end of one connection.
class Peer {
public:
    Peer(int fd, int count) : number(count), fd_(fd) {}
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() {
        if (tls_) SSL_free(tls_);
        ::close(fd_);
    }

    const int number;  // of the connection, from 1

    bool start_tls(SSL_CTX* context) {
        tls_ = SSL_new(context);
        SSL_set_fd(tls_, fd_);
        return SSL_accept(tls_) == 1;
    }
    SSL* tls() { return tls_; }

    /// Head and body (by Content-Length); empty when the client has gone.
    std::string read_request() {
        std::string request;
        std::size_t end, length = 0;
        while ((end = request.find("\r\n\r\n")) == std::string::npos)
            if (!read_some(request)) return "";
        constexpr std::string_view kLength = "Content-Length: ";
        if (const auto at = request.find(kLength); at < end)
            length = std::stoul(request.substr(at + kLength.size()));
        while (request.size() < end + 4 + length)
            if (!read_some(request)) return "";
        return request;
    }

    /// False when the client has gone.
    bool write(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = tls_ ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                                : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    /// Until the client closes the connection. What it still sends is of no interest.
    void wait_for_end() {
        std::string ignored;
        while (read_some(ignored)) ignored.clear();
    }

    /// Wakes whoever reads from it.
    void shut_down() { ::shutdown(fd_, SHUT_RDWR); }

    /// The connection will end with RST.
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }

private:
    bool read_some(std::string& out) {
        char buffer[16384];
        const auto n = tls_ ? SSL_read(tls_, buffer, sizeof buffer) : ::recv(fd_, buffer, sizeof buffer, 0);
        if (n > 0) out.append(buffer, static_cast<std::size_t>(n));
        return n > 0;
    }

    int fd_;
    SSL* tls_ = nullptr;
};

class FaultyServer {
public:
    using Play = std::function<void(Peer&)>;

    /// Listens on 127.0.0.1. `play` gets each connection, on a thread of its own; it is closed after.
    explicit FaultyServer(Play play) : play_(std::move(play)) {
        ::signal(SIGPIPE, SIG_IGN);  // SSL_write has no MSG_NOSIGNAL
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* general = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        if (::bind(listener_, general, size) != 0 || ::listen(listener_, 64) != 0) ::abort();
        ::getsockname(listener_, general, &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { accept_all(); });
    }
    FaultyServer(const FaultyServer&) = delete;
    FaultyServer& operator=(const FaultyServer&) = delete;

    ~FaultyServer() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        {
            const std::lock_guard lock(mutex_);
            for (Peer* peer : peers_) peer->shut_down();
        }
        for (auto& thread : connections_) thread.join();
        ::close(listener_);
    }

    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    int connections() const { return count_; }

private:
    void accept_all() {
        for (;;) {
            const int fd = ::accept(listener_, nullptr, nullptr);
            if (fd < 0) return;
            connections_.emplace_back([this, fd, number = ++count_] {
                Peer peer(fd, number);
                note(&peer, true);
                play_(peer);
                note(&peer, false);
            });
        }
    }

    void note(Peer* peer, bool there) {
        const std::lock_guard lock(mutex_);
        if (there)
            peers_.insert(peer);
        else
            peers_.erase(peer);
    }

    Play play_;
    std::mutex mutex_;
    std::set<Peer*> peers_;  // connections that are being played
    int listener_;
    unsigned short port_ = 0;
    std::atomic<int> count_{0};
    std::list<std::thread> connections_;
    std::thread thread_;
};

/// A server's TLS.
class ServerTls {
public:
    explicit ServerTls(const TestIdentity& identity) : context_(SSL_CTX_new(TLS_server_method())) {
        identity.use_in(context_);
    }
    ServerTls(const ServerTls&) = delete;
    ServerTls& operator=(const ServerTls&) = delete;
    ~ServerTls() { SSL_CTX_free(context_); }

    /// As old as that; OpenSSL needs to be persuaded.
    void at_most(int version) {
        SSL_CTX_set_min_proto_version(context_, 0);
        SSL_CTX_set_max_proto_version(context_, version);
        SSL_CTX_set_cipher_list(context_, "ALL:@SECLEVEL=0");
    }
    SSL_CTX* get() { return context_; }

private:
    SSL_CTX* context_;
};

}  // namespace hookswitch::test
