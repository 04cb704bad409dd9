// Drives one HTTP server over keep-alive connections from one thread and measures each answer.
//
// Closed loop (no rate): every connection sends its next request as soon as its answer is there.
// Open loop (a rate): requests fall due at a fixed pace, whatever the server does. A request that finds no
// idle connection waits, and its time counts from when it was due, so a stalled server cannot hide its stall.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "signed_request.hpp"

namespace bench {

using Clock = std::chrono::steady_clock;

struct LoadSettings {
    std::uint16_t port = 0;
    std::size_t connections = 64;
    std::chrono::duration<double> warmup{0}, measured{1};
    std::uint64_t requests = 0;  // stop after so many; 0: by time only
    double rate = 0;             // requests/s; 0: closed loop
    bool poisson = false;        // open loop: exponential gaps in place of even ones
    bool spin = false;           // never sleep in the wait for events: no wake-up of our own in the figures
    std::uint32_t source = 0;    // the address to come from, 127.0.0.1 if 0
    bool fresh = false;          // a connection of its own for every request
    std::string expect;          // text that every body must contain
};

struct LoadResult {
    double seconds = 0;
    double busy = 0;  // share of the time that the generator's thread was on the processor
    std::uint64_t not_200 = 0, unexpected = 0, duplicates = 0, lost = 0, starved = 0;
    std::vector<std::uint32_t> tenths_of_us;  // one latency per measured request, in order of arrival
    std::string sample;                       // the body of one answer
};

class Load {
public:
    Load(LoadSettings settings, SignedRequest request);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Throws std::system_error when the server cannot be reached, std::runtime_error when its answers cannot
    /// be read.
    LoadResult run();

private:
    struct Connection {
        int fd = -1;
        bool waiting = false;  // a request is out
        std::string request;
        std::size_t sent = 0;
        std::size_t received = 0;
        std::array<char, 16384> buffer;
        Clock::time_point since;  // what the latency counts from
    };

    void connect(Connection& connection);
    void reconnect(Connection& connection);
    void send_request(Connection& connection, Clock::time_point since);
    void write_some(Connection& connection);
    void read_some(Connection& connection);
    void answered(Connection& connection, bool close);
    void watch(const Connection& connection, std::uint32_t events, int operation);
    void send_what_is_due();
    void wait_for_events();
    bool may_send() const;
    Clock::duration next_gap();

    LoadSettings settings_;
    SignedRequest request_;
    LoadResult result_;
    std::vector<Connection> connections_;
    std::vector<std::size_t> idle_;  // open loop: connections without a request
    int epoll_ = -1;
    std::uint64_t sent_ = 0, outstanding_ = 0;
    Clock::time_point measure_from_, stop_at_, next_due_;
    std::uint64_t random_ = 0x9e3779b97f4a7c15u;
};

}  // namespace bench
