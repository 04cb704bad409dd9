#pragma once

// Runs a WorkerPool on real processes: tests/workers/misbehaving.py, which does one thing wrong at a
// time.

#include "daemon/core/json.hpp"
#include "daemon/core/metrics.hpp"
#include "handlers/worker.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch::test {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kLong = 20s;  // nothing here takes so long unless it is broken

inline std::string tool_call(const std::string& tool, const std::string& text = "") {
    return R"({"message":{"type":"tool-calls","call":{"id":"c1"},"tool_call_list":[{"id":"t1","function":)"
           R"({"name":")" +
           tool + R"(","arguments":{"text":")" + text + R"("}}}]}})";
}

inline std::string status_update(const std::string& status) {
    return R"({"message":{"type":"status-update","call":{"id":"c1","status":")" + status + R"("}}})";
}

class WorkerTest : public testing::Test {
protected:
    using Given = std::optional<Result<Outcome>>;

    WorkerTest() {
        settings.name = "desk";
        how("normal");
        directory = testing::TempDir() + "worker_test." + std::to_string(::getpid());
        std::filesystem::remove_all(directory);
        std::filesystem::create_directory(directory);
        settings.directory = directory;
    }

    ~WorkerTest() override {
        if (pool && !stopped) stop(0ms);
        EXPECT_TRUE(stopped || !pool);
        std::filesystem::remove_all(directory);
    }

    void how(const std::string& start) {
        settings.command = {"python3", "-S", FIXTURES "/../workers/misbehaving.py", start};
    }

    void start() { pool = WorkerPool::start(settings, ctx.get_executor(), metrics, act); }

    void start_ready() {
        start();
        EXPECT_EQ(ready(), true);
    }

    std::optional<bool> ready() {
        std::optional<bool> is_ready;
        pool->when_ready([&](bool value) { is_ready = value; });
        until([&] { return is_ready.has_value(); });
        return is_ready;
    }

    template <class P>
    bool until(P holds, milliseconds limit = kLong) {
        const auto end = steady_clock::now() + limit;
        while (!holds() && steady_clock::now() < end) {
            ctx.restart();
            ctx.run_one_until(end);
        }
        return holds();
    }

    /// Hands over an event; the answer will be in what is returned.
    Given& give(const std::string& body, milliseconds deadline = kLong) {
        auto event = parse_event(body);
        EXPECT_TRUE(event) << event.error().what();
        Invocation invocation;
        invocation.event = std::make_shared<const Event>(*std::move(event));
        if (!invocation.event->tool_calls.empty()) invocation.tool_call = &invocation.event->tool_calls[0];
        invocation.id = "event" + std::to_string(given.size());
        invocation.source = "main";
        invocation.received_at = std::chrono::system_clock::now();
        invocation.deadline = steady_clock::now() + deadline;
        Given& slot = given.emplace_back();
        pool->handle(std::move(invocation), Answer([&slot](Result<Outcome> outcome) {
                         EXPECT_FALSE(slot) << "answered twice";
                         slot = std::move(outcome);
                     }));
        // handle() comes home as a posted job; so does this, after it.
        bool handed_over = false;
        boost::asio::post(ctx, [&] { handed_over = true; });
        until([&] { return handed_over; });
        return slot;
    }

    static std::string why(const Given& answer) {
        return !answer ? "no answer" : *answer ? "answered: " + (*answer)->reply : answer->error().what();
    }

    /// A member of the result of the tool call, as JSON text.
    static std::string result(const Given& answer, std::string_view member) {
        if (!answer || !*answer) return why(answer);
        auto doc = Document::parse((*answer)->reply);
        std::string text;
        simdjson::dom::element value;
        if (doc && !doc->root()["result"][member].get(value)) append_json(text, value);
        return text;
    }

    std::string answer_to(const std::string& body, std::string_view member) {
        Given& answer = give(body);
        until([&] { return answer.has_value(); });
        return result(answer, member);
    }

    std::string pid() { return answer_to(tool_call("echo"), "pid"); }

    bool answered(const Given& answer) {
        return until([&] { return answer.has_value(); });
    }

    void stop(milliseconds time) {
        pool->stop(steady_clock::now() + time, [this] { stopped = true; });
        until([&] { return stopped; });
    }

    std::deque<Given> given;  // before all that may answer, to the last
    HandlerMetrics metrics;
    WorkerPool::Act act;  // set before start()
    boost::asio::io_context ctx{1};
    WorkerSettings settings;
    std::string directory;
    std::shared_ptr<WorkerPool> pool;
    bool stopped = false;
};

/// Waits for the end of a process that need not be our child; a zombie counts.
inline bool is_gone(const std::string& pid) {
    const int watch = static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(pid), 0));
    if (watch < 0) return errno == ESRCH;
    pollfd ended{watch, POLLIN, 0};
    const bool gone = ::poll(&ended, 1, 10'000) == 1;
    ::close(watch);
    return gone;
}

inline bool is_running(const std::string& pid) { return ::kill(std::stoi(pid), 0) == 0; }

// What is logged until the end of the scope.
class Logged {
public:
    Logged() { testing::internal::CaptureStderr(); }
    ~Logged() {
        if (!taken_) testing::internal::GetCapturedStderr();
    }
    std::string take() {
        taken_ = true;
        return testing::internal::GetCapturedStderr();
    }

private:
    bool taken_ = false;
};

inline std::size_t count(std::string_view text, std::string_view part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
    return n;
}

inline bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace hookswitch::test
