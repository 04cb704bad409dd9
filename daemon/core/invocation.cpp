#include "daemon/core/invocation.hpp"

#include "daemon/core/dialect.hpp"
#include "daemon/core/iso_time.hpp"

#include <openssl/rand.h>

#include <array>
#include <new>

namespace hookswitch {
namespace {

using std::chrono::milliseconds;

class Writer {
public:
    explicit Writer(std::size_t expected) { out_.reserve(expected); }

    Writer& key(std::string_view name) {
        out_ += out_.empty() || out_.back() == '{' ? "" : ",";
        out_.append("\"").append(name).append("\":");
        return *this;
    }
    void raw(std::string_view json) { out_ += json; }
    void text(std::optional<std::string_view> value) {
        value ? append_json_string(out_, *value) : raw("null");
    }
    void json(std::optional<simdjson::dom::element> value, std::string_view otherwise = "null") {
        value ? append_json(out_, *value) : raw(otherwise);
    }
    void assistant(std::optional<simdjson::dom::element> value) {
        value ? append_assistant(out_, *value, Dialect::snake) : raw("{}");
    }
    void open() { out_ += '{'; }
    void close() { out_ += '}'; }
    std::string take() { return std::move(out_); }

private:
    std::string out_;
};

void write_call(Writer& out, const Event& event) {
    out.open();
    out.key("id").text(event.call_id.empty() ? std::nullopt : std::optional(event.call_id));
    out.key("direction").text(event.direction);
    out.key("status").text(event.status);
    out.key("pipeline").text(event.pipeline);
    out.close();
}

void write_tool_call(Writer& out, const ToolCall* call) {
    if (!call) return out.raw("null");
    out.open();
    out.key("id").text(call->id);
    out.key("name").text(call->name);
    out.key("arguments").json(call->arguments);
    out.close();
}

void write_report(Writer& out, const Event& event) {
    const auto& report = event.report;
    if (!report) return out.raw("null");
    out.open();
    out.key("duration_seconds").json(report->duration_seconds);
    out.key("summary").text(report->summary);
    out.key("end_reason").text(event.end_reason);
    out.key("started_at").text(report->started_at);
    out.key("ended_at").text(report->ended_at);
    out.key("recording_url").text(report->recording_url);
    out.key("messages").json(report->messages);
    out.key("analysis").json(report->analysis);
    if (report->transcript_text) out.key("transcript_text").text(report->transcript_text);
    out.close();
}

// Crockford's base 32, as the ULID specification prescribes.
void append_base32(std::string& out, std::uint64_t value, int digits) {
    for (int i = digits - 1; i >= 0; --i) out += "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(value >> (5 * i)) & 31];
}

struct Ulid {
    std::uint64_t ms = 0;
    std::uint64_t high = 0, low = 0;  // 40 random bits each
};

void randomize(Ulid& id) {
    std::array<unsigned char, 10> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw std::bad_alloc();
    id.high = id.low = 0;
    for (std::size_t i = 0; i < 5; ++i) {
        id.high = id.high << 8 | bytes[i];
        id.low = id.low << 8 | bytes[i + 5];
    }
    id.high &= 0x7fffffffff;  // room to count upward within one millisecond
}

}  // namespace

std::string new_event_id(std::chrono::system_clock::time_point now) {
    thread_local Ulid last;
    const auto ms =
        static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count());
    constexpr std::uint64_t kLowBits = 0xffffffffff;
    if (ms > last.ms) {
        last.ms = ms;
        randomize(last);
    } else if (last.low = (last.low + 1) & kLowBits; last.low == 0) {
        ++last.high;
    }
    std::string id;
    id.reserve(26);
    append_base32(id, last.ms, 10);
    append_base32(id, last.high, 8);
    append_base32(id, last.low, 8);
    return id;
}

std::string to_json(const Invocation& invocation, int attempt, milliseconds deadline_ms) {
    const Event& event = *invocation.event;
    Writer out(512);
    out.open();
    out.key("id").text(invocation.id);
    out.key("type").text(event.type);
    out.key("source").text(invocation.source);
    out.key("dialect").text(name_of(event.dialect));
    out.key("sent_at");
    if (event.sent_at)
        out.text(iso_time(*event.sent_at));
    else
        out.text(event.sent_at_text);
    out.key("received_at").text(iso_time(std::chrono::floor<milliseconds>(invocation.received_at)));
    out.key("attempt").raw(std::to_string(attempt));
    out.key("deadline_ms").raw(std::to_string(deadline_ms.count()));
    out.key("call");
    write_call(out, event);
    out.key("caller").text(event.caller);
    out.key("called").text(event.called);
    out.key("called_name").text(event.called_name);
    out.key("tool_call");
    write_tool_call(out, invocation.tool_call);
    out.key("report");
    write_report(out, event);
    out.key("error").text(event.error);
    out.key("end_reason").text(event.end_reason);
    out.key("metadata").json(event.metadata, "{}");
    out.key("assistant").assistant(event.assistant);
    out.close();
    return out.take();
}

}  // namespace hookswitch
