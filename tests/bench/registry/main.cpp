// What a call costs in the registry: fills it, and prints bytes per call, time per event and time per list.
//
//     registry_bench [CALLS]        one million by default; figures of a release build are the ones to quote

#include "daemon/call_registry.hpp"

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

namespace {

using namespace hookswitch;
using Clock = std::chrono::steady_clock;

constexpr Milliseconds kStart(std::chrono::seconds(1'700'000'000));

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::size_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t heap_bytes() {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

// A UUID, as the webhooks have them; the same for the same number.
std::string id_of(std::size_t number) {
    std::mt19937_64 random(number);
    char text[40];
    const auto a = random(), b = random();
    std::snprintf(text, sizeof text, "%08lx-%04lx-4%03lx-8%03lx-%012lx", a >> 32, a >> 16 & 0xffff, a & 0xfff,
                  b >> 48 & 0xfff, b & 0xffffffffffff);
    return text;
}

// One event of call `number`; the texts are the registry's to copy.
void tell(CallRegistry& calls, std::size_t number, const std::string& id, std::string_view type,
          std::string_view status, std::chrono::milliseconds at) {
    const std::string caller = "+316" + std::to_string(10'000'000 + number % 80'000'000);
    CallEvent event;
    event.call = id;
    event.type = type;
    event.status = status;
    event.source = "main";
    event.direction = "inbound";
    event.caller = caller;
    event.called = "+31850835037";
    event.called_name = "Flireo Demo";
    event.pipeline = "standard";
    event.tool_calls = type == "tool-calls" ? 1 : 0;
    event.at = kStart + at;
    calls.follow(event);
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
    CallMetrics metrics;
    CallRegistry calls(metrics, {.most = count});
    const std::size_t heap = heap_bytes(), resident = resident_bytes();

    auto start = Clock::now();
    for (std::size_t i = 0; i < count; ++i)
        tell(calls, i, id_of(i), "assistant-request", "ringing", std::chrono::milliseconds(i / 100));
    const double n = static_cast<double>(calls.size());
    std::printf("%zu calls: %.0f bytes each of heap, %.0f resident; %.0f ns to add one\n", calls.size(),
                static_cast<double>(heap_bytes() - heap) / n,
                static_cast<double>(resident_bytes() - resident) / n, since(start) * 1e9 / n);

    // In an order that no cache likes; the texts are made beforehand.
    constexpr std::size_t kEvents = 200'000;
    std::mt19937_64 random(1);
    std::vector<std::pair<std::size_t, std::string>> whose(kEvents);
    for (auto& [number, id] : whose) id = id_of(number = random() % count);
    start = Clock::now();
    for (const auto& [number, id] : whose)
        tell(calls, number, id, "tool-calls", "in-progress", std::chrono::milliseconds(count / 100));
    std::printf("%.0f ns for an event of a call that is known\n", since(start) * 1e9 / kEvents);

    start = Clock::now();
    const auto newest = calls.list({.limit = 100});
    std::printf("%.0f ms to list the newest %zu\n", since(start) * 1e3, newest.size());
}
