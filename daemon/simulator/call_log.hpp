#pragma once

// The calls of the local platform, as its REST API shows them.
//
// Source: Flireo protocol reference, 5.2 (call object), 5.6 (statuses, ids, end reasons).

#include "daemon/core/iso_time.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hookswitch::simulator {

struct TranscriptLine {
    std::string role;  // "user", "assistant", "system" (injected context)
    std::string content;
};

/// One call. Absent members are null on the wire.
struct CallRecord {
    std::string id;
    std::string direction;                      // "inbound", "outbound", "web"
    std::optional<std::string> caller, called;  // E.164; none on web calls. Outbound: caller is our number
    std::string status;                         // protocol 5.6: dialing, ringing, in-progress, ended, ...
    std::optional<std::string> error, end_reason, summary, agent_id, agent_name, business_name, number_id,
        room_name, recording_url;
    std::optional<Milliseconds> started_at, ended_at;
    Milliseconds created_at, updated_at;
    std::optional<std::string> analysis;  // a JSON object
    std::vector<TranscriptLine> messages;
    std::optional<std::string> transferred_to;  // not on the wire; for the summary and tests
    bool settled = false;  // not on the wire: its report is out, nothing changes any more
};

/// Newest last; the oldest settled calls go when there are more than `most`. One thread.
class CallLog {
public:
    explicit CallLog(std::size_t most = 20'000) : most_(most) {}

    CallRecord& add(CallRecord record);     // the id must be new; the reference stays valid while it is kept
    CallRecord* find(std::string_view id);  // null: unknown, or gone
    std::size_t size() const { return by_id_.size(); }

    /// Newest first.
    void for_each(const std::function<void(const CallRecord&)>& each) const;

private:
    std::size_t most_;
    std::deque<std::unique_ptr<CallRecord>> calls_;  // in order of creation
    std::unordered_map<std::string_view, CallRecord*> by_id_;
};

}  // namespace hookswitch::simulator
