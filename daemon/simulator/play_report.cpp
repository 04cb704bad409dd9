#include "daemon/simulator/play_report.hpp"

#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

namespace hookswitch::simulator {
namespace {

constexpr std::size_t kKept = 20;  // who breaks everything wants to read about a few

constexpr std::array<std::string_view, 4> kEvents{"assistant-request", "tool-calls", "status-update",
                                                  "end-of-call-report"};

struct Percentile {
    const char* name;
    double ms;
};

std::array<Percentile, 4> percentiles(std::vector<std::uint32_t> micros) {
    std::sort(micros.begin(), micros.end());
    const auto at = [&micros](double part) {  // nearest rank
        const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(micros.size())));
        return micros[std::max<std::size_t>(rank, 1) - 1] / 1000.0;
    };
    return {{{"p50", at(0.5)}, {"p99", at(0.99)}, {"p99.9", at(0.999)}, {"max", at(1)}}};
}

double seconds(PlayReport::Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string listed(const std::map<std::string, std::size_t>& counts) {
    std::string out;
    for (const auto& [name, count] : counts)
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, name);
    return out.empty() ? "none" : out;
}

std::string json_counts(const std::map<std::string, std::size_t>& counts) {
    std::string out = "{";
    for (const auto& [name, count] : counts)
        out += fmt::format("{}{}:{}", out.size() > 1 ? "," : "", json_string(name), count);
    return out + "}";
}

std::string json_list(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const std::string& text : texts) out += (out.size() > 1 ? "," : "") + json_string(text);
    return out + "]";
}

}  // namespace

void PlayReport::keep(const std::string& call, std::string why) {
    if (problems_.size() >= kKept)
        ++more_problems_;
    else
        problems_.push_back(call + ": " + std::move(why));
}

void PlayReport::call_ended(std::string_view status, std::string_view end_reason) {
    ++ended_;
    ++statuses_[std::string(status)];
    if (!end_reason.empty()) ++end_reasons_[std::string(end_reason)];
}

void PlayReport::call_settled(const std::string& call, const std::vector<std::string>& differences) {
    ++settled_;
    if (!compare_) return;
    ++(differences.empty() ? equal_ : different_);
    for (const std::string& difference : differences) keep(call, difference);
}

void PlayReport::delivered(EventKind kind, const std::string& call, const DeliveryOutcome& outcome) {
    const auto index = static_cast<std::size_t>(kind);
    Counts& counts = events_.at(index);
    const auto count_micros = [&] {
        const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(outcome.took).count();
        counts.micros.push_back(static_cast<std::uint32_t>(
            std::clamp<std::int64_t>(micros, 0, std::numeric_limits<std::uint32_t>::max())));
        if (watched_ && wants_reply(kind)) recent_.push_back(counts.micros.back());
    };
    if (outcome.how != DeliveryOutcome::How::dropped) ++counts.sent;
    switch (outcome.how) {
        case DeliveryOutcome::How::answered: ++counts.answered; return count_micros();
        case DeliveryOutcome::How::refused:
            ++counts.refused;
            count_micros();
            return keep(call, fmt::format("{}: answered {}: {}", kEvents[index], outcome.status,
                                          one_line(outcome.body)));
        case DeliveryOutcome::How::failed:
            ++counts.failed;
            return keep(call, fmt::format("{}: {}", kEvents[index], outcome.why));
        case DeliveryOutcome::How::late:
            ++counts.late;
            return keep(call,
                        fmt::format("{}: no answer within {:.1f} s", kEvents[index], seconds(outcome.took)));
        case DeliveryOutcome::How::dropped: ++counts.dropped; return;
        case DeliveryOutcome::How::held: return;
    }
}

void PlayReport::duplicated(const std::string& call, bool same_answer) {
    ++duplicates_;
    if (same_answer) return;
    ++duplicates_differ_;
    keep(call, "the second copy of a delivery was answered differently");
}

void PlayReport::forged(const std::string& call, bool accepted) {
    ++forged_;
    if (!accepted) return;
    ++forged_accepted_;
    keep(call, "a delivery with a wrong signature was accepted");
}

std::size_t PlayReport::total(std::size_t Counts::*count) const {
    std::size_t sum = 0;
    for (const Counts& counts : events_) sum += counts.*count;
    return sum;
}

bool PlayReport::good() const {
    const bool complete = started_ > 0 && settled_ == started_ && !stopped_;
    const bool answered = total(&Counts::refused) + total(&Counts::failed) + total(&Counts::late) == 0;
    return complete && answered && duplicates_differ_ + forged_accepted_ + different_ == 0;
}

std::string PlayReport::as_progress(Duration duration) {
    const auto& [assistant, tools, status, report] = events_;
    std::string line = fmt::format(
        "{} calls ({} over, {:.0f}/s)  in time {}  late {}  failed {}  without a configuration {}, a result "
        "{}",
        started_, settled_, static_cast<double>(settled_) / std::max(seconds(duration), 1e-6),
        assistant.answered + tools.answered, assistant.late + tools.late,
        total(&Counts::refused) + total(&Counts::failed) + status.late + report.late,
        configurations_.contains("unanswered") ? configurations_.at("unanswered") : 0, tool_errors_);
    if (!recent_.empty())
        for (const auto& [name, ms] : percentiles(std::exchange(recent_, {})))
            line += fmt::format("  {} {:.1f} ms", name, ms);
    return line;
}

std::string PlayReport::as_text(Duration duration) const {
    std::string text;
    auto out = std::back_inserter(text);
    for (const std::string& problem : problems_) fmt::format_to(out, "{}\n", problem);
    if (more_problems_ > 0) fmt::format_to(out, "... and {} more\n", more_problems_);
    fmt::format_to(out, "{} calls in {:.1f} s ({:.1f}/s): {}", started_, seconds(duration),
                   static_cast<double>(settled_) / std::max(seconds(duration), 1e-6), listed(statuses_));
    if (started_ > ended_) fmt::format_to(out, ", {} cut off", started_ - ended_);
    text += '\n';
    fmt::format_to(out, "{:<18}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "", "sent", "2xx",
                   "other", "failed", "late", "dropped", "p50 ms", "p99 ms", "p99.9 ms", "max ms");
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const Counts& counts = events_[i];
        if (counts.sent + counts.dropped == 0) continue;
        fmt::format_to(out, "{:<18}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}", kEvents[i], counts.sent, counts.answered,
                       counts.refused, counts.failed, counts.late, counts.dropped);
        if (!counts.micros.empty())
            for (const auto& percentile : percentiles(counts.micros))
                fmt::format_to(out, "{:>9.1f}", percentile.ms);
        text += '\n';
    }
    fmt::format_to(out, "configuration       {}\n", listed(configurations_));
    fmt::format_to(out, "tools               {} results, {} errors\n", tool_results_, tool_errors_);
    if (!commands_.empty()) fmt::format_to(out, "commands            {}\n", listed(commands_));
    if (duplicates_ > 0)
        fmt::format_to(out, "duplicates          {} sent, {} answered differently\n", duplicates_,
                       duplicates_differ_);
    if (forged_ > 0)
        fmt::format_to(out, "wrong signatures    {} sent, {} accepted\n", forged_, forged_accepted_);
    if (compare_)
        fmt::format_to(out, "compare             {} as expected, {} different\n", equal_, different_);
    return text;
}

std::string PlayReport::as_json(Duration duration) const {
    std::string events = "{";
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const Counts& c = events_[i];
        events += fmt::format(
            R"({}"{}":{{"sent":{},"answered":{},"refused":{},"failed":{},"late":{},"dropped":{},"latency_ms":{{)",
            i > 0 ? "," : "", kEvents[i], c.sent, c.answered, c.refused, c.failed, c.late, c.dropped);
        bool first = true;
        if (!c.micros.empty())
            for (const auto& [name, ms] : percentiles(c.micros))
                events += fmt::format(R"({}"{}":{:.3f})", std::exchange(first, false) ? "" : ",", name, ms);
        events += "}}";
    }
    events += "}";
    const double passed = seconds(duration);
    return fmt::format(
        R"({{"ok":{},"stopped":{},"calls":{{"started":{},"ended":{},"settled":{},"per_second":{:.3f},)"
        R"("statuses":{},"end_reasons":{}}},"duration_ms":{:.3f},"events":{},"configurations":{},)"
        R"("tools":{{"results":{},"errors":{}}},"commands":{},"duplicates":{{"sent":{},"different":{}}},)"
        R"("wrong_signatures":{{"sent":{},"accepted":{}}},"compare":{},"problems":{}}})"
        "\n",
        good(), stopped_ ? json_string(*stopped_) : "null", started_, ended_, settled_,
        static_cast<double>(settled_) / std::max(passed, 1e-6), json_counts(statuses_),
        json_counts(end_reasons_), 1000 * passed, events, json_counts(configurations_), tool_results_,
        tool_errors_, json_counts(commands_), duplicates_, duplicates_differ_, forged_, forged_accepted_,
        compare_ ? fmt::format(R"({{"equal":{},"different":{}}})", equal_, different_) : "null",
        json_list(problems_));
}

}  // namespace hookswitch::simulator
