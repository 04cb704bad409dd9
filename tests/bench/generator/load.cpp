#include "load.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <ctime>
#include <span>
#include <stdexcept>
#include <system_error>

#include "response.hpp"

namespace bench {
namespace {

// Longer than any route timeout here, so that a request is lost only if it is never answered.
constexpr std::chrono::seconds kPatience{12};

void check(bool fine, const char* what) {
    if (!fine) throw std::system_error(errno, std::system_category(), what);
}

double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// With a port that the kernel picks when it connects.
void come_from(int fd, std::uint32_t source) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(source);
    const int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
}

Clock::duration to_ticks(std::chrono::duration<double> time) {
    return std::chrono::duration_cast<Clock::duration>(time);
}

}  // namespace

Load::Load(LoadSettings settings, SignedRequest request)
    : settings_(std::move(settings)), request_(std::move(request)), connections_(settings_.connections) {
    prctl(PR_SET_TIMERSLACK, 1UL);  // the default of 50 us is as long as what is measured
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    check(epoll_ >= 0, "epoll_create1");
    for (Connection& connection : connections_) {
        connection.request = request_.bytes();
        connect(connection);
    }
}

Load::~Load() {
    for (const Connection& connection : connections_) close(connection.fd);
    close(epoll_);
}

void Load::connect(Connection& connection) {
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(connection.fd >= 0, "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(settings_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (settings_.source != 0) come_from(connection.fd, settings_.source);
    check(::connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "connect");
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    check(fcntl(connection.fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    connection.waiting = false;
    connection.received = 0;
    watch(connection, EPOLLIN, EPOLL_CTL_ADD);
}

void Load::reconnect(Connection& connection) {
    close(connection.fd);
    connect(connection);
}

void Load::watch(const Connection& connection, std::uint32_t events, int operation) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = static_cast<std::uint64_t>(&connection - connections_.data());
    check(epoll_ctl(epoll_, operation, connection.fd, &event) == 0, "epoll_ctl");
}

bool Load::may_send() const { return settings_.requests == 0 || sent_ < settings_.requests; }

void Load::send_request(Connection& connection, Clock::time_point since) {
    request_.renew(connection.request);
    connection.sent = 0;
    connection.received = 0;
    connection.waiting = true;
    connection.since = since;
    ++sent_;
    ++outstanding_;
    write_some(connection);
}

void Load::write_some(Connection& connection) {
    const bool was_blocked = connection.sent != 0;
    while (connection.sent < connection.request.size()) {
        const ssize_t written = send(connection.fd, connection.request.data() + connection.sent,
                                     connection.request.size() - connection.sent, MSG_NOSIGNAL);
        if (written < 0 && errno == EAGAIN) {
            if (!was_blocked) watch(connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (written < 0) return;  // the read that follows sees the same and counts it
        connection.sent += static_cast<std::size_t>(written);
    }
    if (was_blocked) watch(connection, EPOLLIN, EPOLL_CTL_MOD);
}

void Load::read_some(Connection& connection) {
    const ssize_t got = recv(connection.fd, connection.buffer.data() + connection.received,
                             connection.buffer.size() - connection.received, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        if (!connection.waiting) return reconnect(connection);
        ++result_.lost;
        return answered(connection, true);
    }
    connection.received += static_cast<std::size_t>(got);

    Response response;
    switch (read_response({connection.buffer.data(), connection.received}, response)) {
        case Read::unreadable: throw std::runtime_error("an answer is not HTTP/1.1 with a Content-Length");
        case Read::incomplete:
            if (connection.received == connection.buffer.size())
                throw std::runtime_error("an answer is too long");
            return;
        case Read::complete: break;
    }
    const Clock::time_point now = Clock::now();
    if (now >= measure_from_)
        result_.tenths_of_us.push_back(static_cast<std::uint32_t>((now - connection.since).count() / 100));
    if (!response.ok) ++result_.not_200;
    if (response.duplicate) ++result_.duplicates;
    if (response.body.find(settings_.expect) == std::string_view::npos) ++result_.unexpected;
    if (result_.sample.empty()) result_.sample = response.body;
    answered(connection, response.close);
}

void Load::answered(Connection& connection, bool close) {
    connection.waiting = false;
    --outstanding_;
    if (close || settings_.fresh) reconnect(connection);
    const Clock::time_point now = Clock::now();
    if (settings_.rate > 0)
        idle_.push_back(static_cast<std::size_t>(&connection - connections_.data()));
    else if (may_send() && now < stop_at_)
        send_request(connection, now);
}

Clock::duration Load::next_gap() {
    double share = 1;
    if (settings_.poisson) {
        random_ ^= random_ << 13;  // xorshift64: the same sequence in every run
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        share = -std::log((static_cast<double>(random_ >> 11) + 1) / 9007199254740993.0);
    }
    return to_ticks(std::chrono::duration<double>(share / settings_.rate));
}

void Load::send_what_is_due() {
    for (Clock::time_point now = Clock::now(); next_due_ <= now && next_due_ < stop_at_ && may_send();) {
        if (idle_.empty()) return;
        Connection& connection = connections_[idle_.back()];
        idle_.pop_back();
        // Up to 1 ms late is this process's own scheduling, not the server's doing.
        const bool starved = now - next_due_ > std::chrono::milliseconds(1);
        if (starved) ++result_.starved;
        send_request(connection, starved ? next_due_ : now);
        next_due_ += next_gap();
        now = Clock::now();
    }
}

void Load::wait_for_events() {
    std::array<epoll_event, 256> events;
    Clock::duration wait = std::chrono::milliseconds(50);
    if (settings_.spin)
        wait = {};
    else if (settings_.rate > 0 && !idle_.empty())
        wait = std::clamp(next_due_ - Clock::now(), Clock::duration{}, wait);
    const timespec timeout{0, static_cast<long>(wait.count())};
    const int count = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    check(count >= 0 || errno == EINTR, "epoll_pwait2");
    for (const epoll_event& event : std::span(events).first(static_cast<std::size_t>(std::max(count, 0)))) {
        Connection& connection = connections_[event.data.u64];
        if (event.events & EPOLLOUT) write_some(connection);
        if (event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) read_some(connection);
    }
}

LoadResult Load::run() {
    const Clock::time_point start = Clock::now();
    measure_from_ = start + to_ticks(settings_.warmup);
    stop_at_ = measure_from_ + to_ticks(settings_.measured);
    result_.tenths_of_us.reserve(static_cast<std::size_t>(settings_.measured.count() * 200'000));
    next_due_ = start;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
        if (settings_.rate > 0)
            idle_.push_back(i);
        else if (may_send())
            send_request(connections_[i], Clock::now());
    }

    double cpu_before = thread_seconds();
    Clock::time_point measured_from = start;
    bool measuring = false;
    for (;;) {
        const Clock::time_point now = Clock::now();
        if (!measuring && now >= measure_from_) {
            measuring = true;
            measured_from = now;
            cpu_before = thread_seconds();
        }
        if (now >= stop_at_ || (!may_send() && outstanding_ == 0)) break;
        if (settings_.rate > 0) send_what_is_due();
        wait_for_events();
    }
    result_.seconds = std::chrono::duration<double>(Clock::now() - measured_from).count();
    result_.busy = (thread_seconds() - cpu_before) / result_.seconds;

    const std::size_t in_time = result_.tenths_of_us.size();
    while (outstanding_ > 0 && Clock::now() < stop_at_ + kPatience) wait_for_events();
    if (settings_.rate == 0)
        result_.tenths_of_us.resize(in_time);  // what came after the end is not throughput
    result_.lost += outstanding_;
    return std::move(result_);
}

}  // namespace bench
