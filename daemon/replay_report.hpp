#pragma once

// What came of a replay: counts, the first things that went wrong, and how long replies took.

#include "daemon/core/recording.hpp"
#include "daemon/io/http_client.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hookswitch {

class ReplayReport {
public:
    using Duration = std::chrono::steady_clock::duration;

    explicit ReplayReport(bool compare) : compare_(compare) {}

    /// `late`: how long after its time it is sent; zero without a pace.
    void sent(Duration late);
    /// `place` names the delivery. A reply that is not 2xx, or not what was recorded, is kept.
    void answered(const std::string& place, const RecordedDelivery& delivery, const HttpClient::Reply& reply,
                  Duration took);
    void unanswered(const std::string& place, std::string why);
    /// It ended before its time.
    void stopped(std::string why) { stopped_ = std::move(why); }

    std::size_t sent() const { return sent_; }
    /// Deliveries without a reply, or with one that is not 2xx or, when comparing, not as recorded.
    std::size_t errors() const { return errors_; }
    /// For want of a recorded reply nothing could be compared.
    bool nothing_compared() const { return compare_ && equal_ + different_ == 0; }
    /// Something was sent, to the end of the recordings, all of it was answered 2xx and, when
    /// comparing, there was something to compare and all was equal.
    bool good() const;

    std::string as_text(Duration duration) const;
    std::string as_json(Duration duration) const;

private:
    struct Failure {
        std::string place, why;
    };
    struct Mismatch {
        std::string place;
        ReplyDifference difference;
    };

    /// Whether it differs from the recorded reply.
    bool differs(const std::string& place, const RecordedDelivery& delivery, const HttpClient::Reply& reply);
    void keep(const std::string& place, std::string why);
    std::size_t answered() const { return latencies_.size(); }

    bool compare_;
    std::size_t sent_ = 0, errors_ = 0, failed_ = 0, not_2xx_ = 0, equal_ = 0, different_ = 0,
                unrecorded_ = 0, duplicates_ = 0;
    std::map<int, std::size_t> statuses_;
    std::vector<std::uint32_t> latencies_;  // microseconds; four bytes a delivery, for exact percentiles
    Duration latest_{0};
    std::optional<std::string> stopped_;
    // The first few of each. A delivery is in one of them at most.
    std::vector<Failure> failures_;
    std::vector<Mismatch> mismatches_;
};

}  // namespace hookswitch
