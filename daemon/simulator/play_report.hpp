#pragma once

// What came of the calls that were played: counts, how long answers took, and the first things that went
// wrong.

#include "daemon/core/call_command.hpp"
#include "daemon/core/event.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::simulator {

struct DeliveryOutcome {
    enum class How {
        answered,  // 2xx
        refused,   // any other status
        failed,    // no answer: `why`
        late,      // no answer within the platform's limit
        dropped,   // on purpose
        held,      // on purpose: it will be sent after the next one
    };

    How how = How::answered;
    int status = 0;
    std::string body, why;
    std::chrono::steady_clock::duration took{0};
};

class PlayReport {
public:
    using Duration = std::chrono::steady_clock::duration;

    /// `watched`: as_progress will be called every now and then.
    PlayReport(bool compare, bool watched) : compare_(compare), watched_(watched) {}

    void call_started() { ++started_; }
    void call_ended(std::string_view status, std::string_view end_reason);
    void call_settled(const std::string& call, const std::vector<std::string>& differences);

    /// Once for each delivery, when all is known of it. Not for held ones until they have been sent.
    void delivered(EventKind kind, const std::string& call, const DeliveryOutcome& outcome);
    void duplicated(const std::string& call, bool same_answer);
    void forged(const std::string& call, bool accepted);

    void configured(std::string_view how) { ++configurations_[std::string(how)]; }
    void tool_answered(bool error) { ++(error ? tool_errors_ : tool_results_); }
    void commanded(CallCommand::Type type) { ++commands_[std::string(name_of(type))]; }

    /// It ended before its time.
    void stopped(std::string why) { stopped_ = std::move(why); }

    std::size_t started() const { return started_; }
    std::size_t settled() const { return settled_; }

    /// All calls came to their end, every delivery was answered 2xx, the waited-for ones in time, no forged
    /// one was taken and, when comparing, all was as expected.
    bool good() const;

    /// One line, for a terminal. Latencies are those of the waited-for answers since the last time.
    std::string as_progress(Duration duration);
    std::string as_text(Duration duration) const;
    std::string as_json(Duration duration) const;

private:
    struct Counts {
        std::size_t sent = 0, answered = 0, refused = 0, failed = 0, late = 0, dropped = 0;
        std::vector<std::uint32_t> micros;  // of answers; exact percentiles for four bytes each
    };

    void keep(const std::string& call, std::string why);
    std::size_t total(std::size_t Counts::*count) const;

    bool compare_, watched_;
    std::size_t started_ = 0, ended_ = 0, settled_ = 0;
    std::array<Counts, 4> events_;       // by EventKind
    std::vector<std::uint32_t> recent_;  // of waited-for answers, for the progress
    std::size_t duplicates_ = 0, duplicates_differ_ = 0, forged_ = 0, forged_accepted_ = 0;
    std::size_t tool_results_ = 0, tool_errors_ = 0;
    std::size_t equal_ = 0, different_ = 0;
    std::map<std::string, std::size_t> statuses_, end_reasons_, configurations_, commands_;
    std::vector<std::string> problems_;  // the first few
    std::size_t more_problems_ = 0;
    std::optional<std::string> stopped_;
};

}  // namespace hookswitch::simulator
