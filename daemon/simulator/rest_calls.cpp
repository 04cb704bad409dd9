// GET /calls, GET /calls/{id} and GET /usage, from the log of calls.
//
// Source: Flireo protocol reference, 5.1 to 5.3, 5.6, 6.1, 7.5. The date filters look at created_at, both
// ends included; the documents do not say.

#include "daemon/core/ascii.hpp"
#include "daemon/simulator/rest_state.hpp"

#include <algorithm>
#include <functional>

namespace hookswitch::simulator {
namespace {

using namespace std::chrono;

constexpr std::size_t kMostUsage = 20'000;

struct Page {
    std::int64_t limit = 100, offset = 0;
    std::optional<Milliseconds> from, until;

    bool has(Milliseconds time) const { return (!from || time >= *from) && (!until || time <= *until); }
};

RestResult<std::int64_t> number_parameter(const RestCall& call, std::string_view name, std::int64_t otherwise,
                                          std::int64_t least) {
    const auto text = call.parameter(name);
    if (text.empty()) return otherwise;
    const auto value = parse_number<std::int64_t>(text);
    if (!value || *value < least)
        return invalid(name, "must be an integer of at least " + std::to_string(least));
    return *value;
}

// A time, or a date: then its first millisecond, or its last.
RestResult<std::optional<Milliseconds>> time_parameter(const RestCall& call, std::string_view name,
                                                       bool last) {
    constexpr std::size_t kDate = 10;
    const auto text = call.parameter(name);
    if (text.empty()) return std::optional<Milliseconds>();
    const std::string whole = std::string(text) + (last ? "T23:59:59.999Z" : "T00:00:00.000Z");
    const auto time = text.size() == kDate ? parse_iso_time(whole) : parse_iso_time(text);
    if (!time) return invalid(name, "must be an ISO 8601 date or date-time");
    return time;
}

RestResult<Page> page_of(const RestState& state, const RestCall& call) {
    constexpr std::int64_t kMostLimit = 1000;
    Page page;
    TRY(page.limit, number_parameter(call, "limit", page.limit, 1));
    TRY(page.offset, number_parameter(call, "offset", 0, 0));
    TRY(page.from, time_parameter(call, "start_date", false));
    TRY(page.until, time_parameter(call, "end_date", true));
    if (page.limit > kMostLimit && !state.settings.clamp_limit)
        return invalid("limit", "must not exceed 1000");
    page.limit = std::min(page.limit, kMostLimit);
    return page;
}

// Collects those of a page, and counts all.
class Paged {
public:
    explicit Paged(const Page& page) : page_(page) {}

    /// Whether the next one is of the page.
    bool next() {
        const std::int64_t index = total_++;
        return index >= page_.offset && index < page_.offset + page_.limit;
    }
    void add(std::string_view item) { (items_ += items_.size() > 1 ? "," : "") += item; }
    std::string items() { return items_ + ']'; }
    std::string pagination() const {
        return ObjectText()
            .number("total", total_)
            .number("limit", page_.limit)
            .number("offset", page_.offset)
            .finish();
    }

private:
    const Page& page_;
    std::string items_ = "[";
    std::int64_t total_ = 0;
};

// What the REST API calls the status of a call; the eras before the late one know fewer (5.6).
std::string_view status_of(const CallRecord& call, Era era) {
    const std::string_view status = call.status;
    if (status == "dialing") return "connecting";
    if (era == Era::late) return status;
    if (status == "ringing") return "connecting";
    if (status == "ended-with-error" || status == "insufficient-credits") return "failed";
    if (status == "transferred" || status == "rejected") return "ended";
    return status;
}

std::optional<std::int64_t> duration_of(const CallRecord& call) {
    if (!call.started_at || !call.ended_at) return std::nullopt;
    return round<seconds>(*call.ended_at - *call.started_at).count();
}

std::string messages_of(const CallRecord& call) {
    std::string text = "[";
    for (const TranscriptLine& line : call.messages) {
        if (text.size() > 1) text += ',';
        text += ObjectText().text("role", line.role).text("content", line.content).finish();
    }
    return text + ']';
}

void add_since_snake(ObjectText& text, const CallRecord& call) {
    const bool outbound = call.direction == "outbound";
    text.json("analysis_result", call.analysis.value_or("null"))
        .json("messages", messages_of(call))
        .text_or_null("agent_id", call.agent_id)
        .text_or_null("number_id", call.number_id)
        .text_or_null("phone_number", outbound ? call.caller : call.called)
        .text("direction", call.direction)
        .text_or_null("end_reason", call.end_reason)
        .text_or_null("room_name", call.room_name)
        .text_or_null("recording_url", call.recording_url);
}

std::string shown(const CallRecord& call, Era era) {
    const bool outbound = call.direction == "outbound";
    ObjectText text;
    text.text("id", call.id)
        .text_or_null("caller_phone", outbound ? call.called : call.caller)
        .text_or_null("assistant_phone", outbound ? call.caller : call.called)
        .text("status", status_of(call, era))
        .text_or_null("error", call.error)
        .time("started_at", call.started_at)
        .time("ended_at", call.ended_at);
    const auto duration = duration_of(call);
    text.json("duration_seconds", duration ? std::to_string(*duration) : "null")
        .text_or_null("summary", call.summary)
        .text_or_null("agent_name", call.agent_name)
        .text_or_null("business_name", call.business_name);
    if (era != Era::camel) add_since_snake(text, call);
    return text.time("created_at", call.created_at).time("updated_at", call.updated_at).finish();
}

RestOutcome list(RestState& state, const RestCall& call) {
    TRY(const Page page, page_of(state, call));
    const auto status = call.parameter("status");
    Paged paged(page);
    state.calls.for_each([&](const CallRecord& record) {
        const bool wanted = status.empty() || status_of(record, state.settings.era) == status;
        if (wanted && page.has(record.created_at) && paged.next())
            paged.add(shown(record, state.settings.era));
    });
    return RestDone{
        200, ObjectText().json("calls", paged.items()).json("pagination", paged.pagination()).finish()};
}

RestOutcome get(RestState& state, const RestCall& call) {
    const CallRecord* record = state.calls.find(call.ids.front());
    if (!record) return not_found("Call");
    return RestDone{200, shown(*record, state.settings.era)};
}

// Two decimals, as money has: "1.42".
std::string decimal(std::int64_t hundredths) {
    const std::string cents = std::to_string(hundredths % 100);
    return std::to_string(hundredths / 100) + '.' + (cents.size() < 2 ? "0" : "") + cents;
}

std::int64_t minutes_in(std::int64_t seconds) { return (seconds + 59) / 60; }

constexpr std::int64_t kCentsPerMinute = 15;  // invented; the documents show no price

std::string shown(const UsageLog& log, Era era) {
    ObjectText text;
    text.text("id", log.id);
    if (era == Era::camel) {
        text.text("call_id", log.call_id)
            .number("duration_seconds", log.seconds)
            .number("minutes_used", minutes_in(log.seconds))
            .json("cost", decimal(minutes_in(log.seconds) * kCentsPerMinute));
    } else {
        text.number("duration_sec", log.seconds)
            .text_or_null("phone_number", log.number)
            .text_or_null("agent_name", log.agent_name)
            .text_or_null("business_name", log.business_name);
        if (era == Era::late) text.text("call_type", log.web ? "web" : "phone");
    }
    return text.time("created_at", log.created_at).finish();
}

std::string summary(std::int64_t calls, std::int64_t seconds, std::int64_t minutes, Era era) {
    ObjectText text;
    if (era == Era::camel)
        return text.number("total_minutes", minutes)
            .json("total_cost", decimal(minutes * kCentsPerMinute))
            .number("total_calls", calls)
            .finish();
    return text.number("total_calls", calls)
        .number("total_duration_seconds", seconds)
        .number("total_duration_minutes", minutes_in(seconds))
        .finish();
}

RestOutcome usage(RestState& state, const RestCall& call) {
    TRY(const Page page, page_of(state, call));
    const Era era = state.settings.era;
    Paged paged(page);
    std::int64_t calls = 0, seconds = 0, minutes = 0;
    for (auto log = state.usage.rbegin(); log != state.usage.rend(); ++log) {  // newest first, as calls
        if (!page.has(log->created_at)) continue;
        ++calls;
        seconds += log->seconds;
        minutes += minutes_in(log->seconds);
        if (paged.next()) paged.add(shown(*log, era));
    }
    return RestDone{200, ObjectText()
                             .json("logs", paged.items())
                             .json("pagination", paged.pagination())
                             .json("summary", summary(calls, seconds, minutes, era))
                             .finish()};
}

}  // namespace

void log_usage(RestState& state, const CallRecord& call) {
    const auto duration = duration_of(call);
    if (!duration) return;  // it never began
    UsageLog log;
    log.id = state.new_id();
    log.call_id = call.id;
    log.seconds = *duration;
    log.number = call.direction == "outbound" ? call.called : call.caller;
    log.agent_name = call.agent_name;
    log.business_name = call.business_name;
    log.web = call.direction == "web";
    log.created_at = call.updated_at;
    state.used_minutes += minutes_in(log.seconds);
    state.usage.push_back(std::move(log));
    if (state.usage.size() > kMostUsage) state.usage.pop_front();
}

RestFunction call_log_function(std::string_view resource, std::string_view verb) {
    if (resource == "calls" && verb == "list") return list;
    if (resource == "calls" && verb == "get") return get;
    if (resource == "usage" && verb == "list") return usage;
    return nullptr;
}

}  // namespace hookswitch::simulator
