#include "daemon/core/metrics.hpp"
#include "daemon/core/event.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point kNow(1'700'000'000s);

std::string text_of(const Metrics& metrics) { return metrics_text(metrics, kNow); }

// The value of the sample `name`, labels included; "none" if it is not there.
std::string value(const std::string& text, const std::string& name) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(name + " ")) return line.substr(name.size() + 1);
    return "none";
}

TEST(Metrics, ASourceAndAHandlerKeepTheirNumbersAndTheirPlace) {
    Metrics metrics;
    SourceMetrics& main = metrics.source("main");
    HandlerMetrics& desk = metrics.handler("desk");
    for (int i = 0; i < 100; ++i) metrics.source("source" + std::to_string(i));
    EXPECT_EQ(&metrics.source("main"), &main);
    EXPECT_EQ(&metrics.handler("desk"), &desk);
    main.requests[EventKind::tool_calls][200].add(2);
    main.requests[std::nullopt][401].add();
    main.requests[EventKind::other][418].add();
    const auto text = text_of(metrics);
    const std::string requests = "hookswitch_requests_total{source=\"main\",event=";
    EXPECT_EQ(value(text, requests + "\"tool-calls\",status=\"200\"}"), "2");
    EXPECT_EQ(value(text, requests + "\"\",status=\"401\"}"), "1");
    EXPECT_EQ(value(text, requests + "\"other\",status=\"500\"}"), "1");
    EXPECT_EQ(value(text, requests + "\"status-update\",status=\"200\"}"), "0")
        << "so that its first is an increase";
    EXPECT_EQ(value(text, requests + "\"status-update\",status=\"503\"}"), "none");
}

TEST(Metrics, LooksUpTheSameOnEveryThread) {
    Metrics metrics;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&metrics] {
            for (int i = 0; i < 1000; ++i) {
                metrics.handler("h" + std::to_string(i % 50)).late.add();
                if (i % 100 == 0) text_of(metrics);
            }
        });
    for (auto& thread : threads) thread.join();
    const auto text = text_of(metrics);
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(
            value(text, "hookswitch_handler_late_answers_total{handler=\"h" + std::to_string(i) + "\"}"),
            "80");
}

TEST(Metrics, HistogramsAreCumulative) {
    Metrics metrics;
    HandlerMetrics& desk = metrics.handler("desk");
    for (const auto time : {1ms, 400ms, 500ms, 20'000ms})
        desk.answer_seconds[EventKind::tool_calls].observe(time);
    desk.headroom_seconds[EventKind::tool_calls].observe(-0.5);
    const auto text = text_of(metrics);
    const auto sample = [&](const std::string& name, const std::string& le) {
        const std::string labels = R"({event="tool-calls",handler="desk")";
        return value(text, "hookswitch_" + name + labels + (le.empty() ? "}" : ",le=\"" + le + "\"}"));
    };
    EXPECT_EQ(sample("answer_duration_seconds_bucket", "0.0005"), "0");
    EXPECT_EQ(sample("answer_duration_seconds_bucket", "0.001"), "1") << "a bound is part of its bucket";
    EXPECT_EQ(sample("answer_duration_seconds_bucket", "0.25"), "1");
    EXPECT_EQ(sample("answer_duration_seconds_bucket", "0.5"), "3");
    EXPECT_EQ(sample("answer_duration_seconds_bucket", "10"), "3");
    EXPECT_EQ(sample("answer_duration_seconds_bucket", "+Inf"), "4");
    EXPECT_EQ(sample("answer_duration_seconds_count", ""), "4");
    EXPECT_EQ(sample("answer_duration_seconds_sum", ""), "20.901");
    EXPECT_EQ(sample("answer_headroom_seconds_bucket", "0"), "1");
    EXPECT_EQ(sample("answer_headroom_seconds_sum", ""), "0");
}

TEST(Metrics, AgesCountFromNow) {
    Metrics metrics;
    const auto age = [&](const std::string& handler) {
        return value(text_of(metrics),
                     "hookswitch_delivery_oldest_pending_age_seconds{handler=\"" + handler + "\"}");
    };
    const auto now_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(kNow.time_since_epoch()).count();
    metrics.handler("none");
    metrics.handler("old").oldest_at_ms.set(now_ms - 1500);
    metrics.handler("future").oldest_at_ms.set(now_ms + 1500);  // the clock was set back
    EXPECT_EQ(age("none"), "0");
    EXPECT_EQ(age("old"), "1.5");
    EXPECT_EQ(age("future"), "0");
}

TEST(Metrics, NamesOfOperatorsAreEscaped) {
    Metrics metrics;
    metrics.handler("a\"b\\c\nd").late.add();
    EXPECT_EQ(value(text_of(metrics), "hookswitch_handler_late_answers_total{handler=\"a\\\"b\\\\c\\nd\"}"),
              "1");
}

// promtool checks the rest, on a real scrape: e2e.test_metrics.
TEST(Metrics, EveryFamilyIsDeclaredOnceAndInOnePiece) {
    Metrics metrics;
    metrics.journal.enabled.set(1);
    for (const char* name : {"", "a", "b"}) {
        metrics.source(name).requests[std::nullopt][404].add();
        metrics.handler(name).answer_seconds[EventKind::assistant_request].observe(0.1);
        metrics.handler(name).workers_configured.set(1);
    }
    std::istringstream lines(text_of(metrics));
    std::set<std::string> families, samples;
    std::string family;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# HELP ")) {
            family = line.substr(7, line.find(' ', 7) - 7);
            EXPECT_TRUE(families.insert(family).second) << family;
        } else if (!line.starts_with("# TYPE " + family + " ")) {
            EXPECT_TRUE(line.starts_with(family)) << line;
            EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << line;
        }
    }
    EXPECT_GT(families.size(), 40u);
}

}  // namespace
}  // namespace hookswitch
