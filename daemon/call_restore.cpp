#include "daemon/call_restore.hpp"

#include <utility>

namespace hookswitch {
namespace {

using std::chrono::steady_clock;

// The start waits for it.
constexpr auto kMostTime = std::chrono::seconds(2);
constexpr std::size_t kMostEvents = std::size_t{1} << 20;

CallEvent row_of(const RecentCallEvent& event) {
    CallEvent row;
    row.call = event.call;
    row.type = event.type;
    row.status = event.status;
    row.source = event.source;
    row.caller = event.caller;
    row.called = event.called;
    row.tool_calls = event.type == "tool-calls" ? 1 : 0;  // at least
    row.at = event.received_at;
    return row;
}

void restore(CallRegistry& calls, const RecentCallEvent& event) {
    if (event.call.empty()) return;
    if (calls.wants_whole(event.call))
        if (const auto body = event.body()) {
            const auto whole = parse_event(*body, dialect_named(event.dialect).value_or(Dialect::snake));
            if (whole) return calls.restore(call_event(*whole, event.source, event.received_at));
        }
    calls.restore(row_of(event));
}

}  // namespace

Result<> restore_calls(CallRegistry& calls, JournalBacklog& backlog, Milliseconds started, Milliseconds now) {
    const auto until = steady_clock::now() + kMostTime;
    auto read = backlog.recent_of_calls(now - kLongestCall, kMostEvents, [&](const RecentCallEvent& event) {
        // Since then, follow() has seen them.
        if (event.received_at < started) restore(calls, event);
        return steady_clock::now() < until;
    });
    calls.expire(now);
    if (!read) return std::move(read).error().in("read journal");
    return {};
}

}  // namespace hookswitch
