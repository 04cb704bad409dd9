#include "daemon/replay_report.hpp"

#include "daemon/core/json.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

namespace hookswitch {
namespace {

constexpr std::size_t kKept = 10;  // of each kind; who breaks everything wants to read about a few

constexpr auto kNoticeablyLate = std::chrono::milliseconds(100);  // below: timers and scheduling

double seconds(ReplayReport::Duration duration) { return std::chrono::duration<double>(duration).count(); }
double milliseconds(ReplayReport::Duration duration) { return 1000 * seconds(duration); }

struct Percentile {
    const char* name;
    double ms;
};

std::array<Percentile, 5> percentiles(std::vector<std::uint32_t> micros) {
    std::sort(micros.begin(), micros.end());
    const auto at = [&micros](double part) {  // nearest rank
        const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(micros.size())));
        return micros[std::max<std::size_t>(rank, 1) - 1] / 1000.0;
    };
    return {{{"p50", at(0.5)}, {"p90", at(0.9)}, {"p99", at(0.99)}, {"p99.9", at(0.999)}, {"max", at(1)}}};
}

std::string member(std::string_view key, std::string_view json) {
    return fmt::format("{}:{}", json_string(key), json);
}

std::string object(const std::vector<std::string>& members) {
    return fmt::format("{{{}}}", fmt::join(members, ","));
}

}  // namespace

void ReplayReport::sent(Duration late) {
    ++sent_;
    latest_ = std::max(latest_, late);
}

void ReplayReport::keep(const std::string& place, std::string why) {
    if (failures_.size() < kKept) failures_.push_back({place, std::move(why)});
}

void ReplayReport::unanswered(const std::string& place, std::string why) {
    ++failed_;
    ++errors_;
    keep(place, std::move(why));
}

void ReplayReport::answered(const std::string& place, const RecordedDelivery& delivery,
                            const HttpClient::Reply& reply, Duration took) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    latencies_.push_back(static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(micros, 0, std::numeric_limits<std::uint32_t>::max())));
    ++statuses_[reply.status];
    if (!reply.header("X-Hookswitch-Duplicate").empty()) ++duplicates_;
    const bool refused = reply.status / 100 != 2;
    const bool different = compare_ && differs(place, delivery, reply);
    if (refused) ++not_2xx_;
    if (refused || different) ++errors_;
    if (refused && !different)
        keep(place, fmt::format("answered {}: {}", reply.status, one_line(reply.body)));
}

bool ReplayReport::differs(const std::string& place, const RecordedDelivery& delivery,
                           const HttpClient::Reply& reply) {
    if (!delivery.reply) {
        ++unrecorded_;
        return false;
    }
    const RecordedReply got{reply.status, reply.body};
    auto difference = first_difference(*delivery.reply, got);
    ++(difference ? different_ : equal_);
    if (difference && mismatches_.size() < kKept) mismatches_.push_back({place, *difference});
    return difference.has_value();
}

bool ReplayReport::good() const {
    const bool complete = sent_ > 0 && answered() == sent_ && !stopped_;
    return complete && errors() == 0 && !nothing_compared();
}

std::string ReplayReport::as_text(Duration duration) const {
    std::string text;
    auto out = std::back_inserter(text);
    for (const auto& [place, why] : failures_) fmt::format_to(out, "{}: {}\n", place, why);
    const std::size_t failures = errors_ - different_;
    if (failures > failures_.size())
        fmt::format_to(out, "... and {} more like these\n", failures - failures_.size());
    for (const auto& [place, difference] : mismatches_)
        fmt::format_to(out, "{}: {} differs\n  recorded {}\n  got      {}\n", place, difference.where,
                       difference.recorded, difference.got);
    if (different_ > mismatches_.size())
        fmt::format_to(out, "... and {} more that differ\n", different_ - mismatches_.size());

    fmt::format_to(out, "{} sent in {:.1f} s ({:.1f}/s): {} answered, {} failed", sent_, seconds(duration),
                   static_cast<double>(sent_) / std::max(seconds(duration), 1e-6), answered(), failed_);
    if (sent_ > answered() + failed_) fmt::format_to(out, ", {} given up", sent_ - answered() - failed_);
    text += '\n';
    if (answered() > 0) {
        std::vector<std::string> statuses, latencies;
        for (const auto& [status, count] : statuses_)
            statuses.push_back(fmt::format("{}: {}", status, count));
        for (const auto& [name, ms] : percentiles(latencies_))
            latencies.push_back(fmt::format("{} {:.1f} ms", name, ms));
        fmt::format_to(out, "status   {}\nlatency  {}\n", fmt::join(statuses, "  "),
                       fmt::join(latencies, "  "));
    }
    if (compare_)
        fmt::format_to(out, "compare  {} equal, {} different, {} without a recorded reply\n", equal_,
                       different_, unrecorded_);
    if (duplicates_ > 0)
        fmt::format_to(out,
                       "repeats  {} were answered as duplicates of earlier deliveries, not handled again\n",
                       duplicates_);
    if (latest_ > kNoticeablyLate)
        fmt::format_to(out, "late     sent up to {:.0f} ms after their time: raise --concurrency\n",
                       milliseconds(latest_));
    return text;
}

std::string ReplayReport::as_json(Duration duration) const {
    std::vector<std::string> statuses, latencies, failures, mismatches;
    for (const auto& [status, count] : statuses_) statuses.push_back(fmt::format("\"{}\":{}", status, count));
    if (answered() > 0)
        for (const auto& [name, ms] : percentiles(latencies_))
            latencies.push_back(fmt::format("\"{}\":{:.3f}", name, ms));
    for (const auto& [place, why] : failures_)
        failures.push_back(object({member("place", json_string(place)), member("why", json_string(why))}));
    for (const auto& [place, d] : mismatches_)
        mismatches.push_back(
            object({member("place", json_string(place)), member("where", json_string(d.where)),
                    member("recorded", json_string(d.recorded)), member("got", json_string(d.got))}));
    const auto count = [](std::string_view key, std::size_t n) { return member(key, std::to_string(n)); };
    return object({member("ok", good() ? "true" : "false"),
                   member("stopped", stopped_ ? json_string(*stopped_) : "null"), count("sent", sent_),
                   count("answered", answered()), count("failed", failed_), count("not_2xx", not_2xx_),
                   count("duplicates", duplicates_), count("equal", equal_), count("different", different_),
                   count("unrecorded", unrecorded_), member("statuses", object(statuses)),
                   member("duration_ms", fmt::format("{:.3f}", milliseconds(duration))),
                   member("late_ms", fmt::format("{:.3f}", milliseconds(latest_))),
                   member("latency_ms", object(latencies)),
                   member("failures", fmt::format("[{}]", fmt::join(failures, ","))),
                   member("mismatches", fmt::format("[{}]", fmt::join(mismatches, ",")))}) +
           "\n";
}

}  // namespace hookswitch
