#include "daemon/call_timeline.hpp"

#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"
#include "daemon/event_json.hpp"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

std::string_view name_of(CallProgress::Effect effect) {
    switch (effect) {
        case CallProgress::Effect::none: break;
        case CallProgress::Effect::moved: return "moved";
        case CallProgress::Effect::repeated: return "repeated";
        case CallProgress::Effect::late: return "late";
    }
    return "none";
}

std::string_view text_in(const dom::element& part, std::string_view key) {
    std::string_view text;
    return part[key].get(text) ? std::string_view() : text;
}

// "lookup_contact by desk in 12.3 ms", "the fallback for lookup_contact after 8000.0 ms: timeout (desk)".
std::string part_text(const dom::element& part) {
    const std::string tool = one_line(text_in(part, "tool"), 60),
                      handler = one_line(text_in(part, "handler"), 60);
    const auto by = text_in(part, "by"), why = text_in(part, "why");
    double ms = 0;
    if (part["ms"].get(ms)) ms = 0;
    const std::string what = tool.empty() ? "answered" : tool + " answered";
    std::string text;
    if (by == "handler")
        text = fmt::format("{} by {} in {:.1f} ms", what, handler, ms);
    else
        text = fmt::format("{} with the {} answer after {:.1f} ms", what, by, ms);
    if (!why.empty()) text += ": " + one_line(why);
    if (by != "handler" && !handler.empty()) text += " (" + handler + ")";
    return text;
}

std::string note(const CallTimeline::Step& step) {
    using enum CallProgress::Effect;
    const std::string is = "the call is already " + std::string(name_of(step.before)) + ")";
    if (step.progress.effect == late) return "  (late: " + is;
    return step.progress.effect == repeated ? "  (again: " + is : "";
}

std::string event_line(const CallTimeline::Step& step) {
    const StoredEvent& event = step.event;
    std::string what = one_line(event.type, 60);
    if (event.status) what += " " + one_line(*event.status, 60);
    return fmt::format("{}  {:<34}  {}{}\n", iso_time(event.received_at), what, event.id, note(step));
}

std::string attempts_text(const StoredEvent& event) {
    std::string text;
    for (const StoredAttempt& attempt : event.attempts)
        text += fmt::format("{}    {}\n", iso_time(attempt.at), attempt_text(attempt));
    constexpr std::string_view kNoTime = "                        ";
    for (const DeliveryState& delivery : event.deliveries)
        if (delivery.attempts == 0)
            text += fmt::format("{}    {}: {}\n", kNoTime, one_line(delivery.handler, 60),
                                delivery.state == "pending" ? "not delivered yet" : delivery.state);
    return text;
}

// "action say by handler desk: sent in 24 ms".
std::string command_text(const StoredCommand& command) {
    std::string text = fmt::format("{}  action {} by {}: ", iso_time(command.at), one_line(command.type, 60),
                                   one_line(command.by, 60));
    if (!command.ended_at) return text + "nothing is known of it yet\n";
    text += fmt::format("{} after {} ms", command.state, (*command.ended_at - command.at).count());
    if (command.why) text += ": " + one_line(*command.why);
    return text + "\n";
}

}  // namespace

CallTimeline call_timeline(std::string call, std::vector<StoredEvent> events,
                           std::vector<StoredCommand> commands) {
    CallTimeline timeline;
    timeline.commands = std::move(commands);
    timeline.call = std::move(call);
    for (StoredEvent& event : events) {
        if (!timeline.caller) timeline.caller = event.caller;
        if (!timeline.called) timeline.called = event.called;
        const auto progress = advance(timeline.state, event.type, event.status.value_or(""));
        const CallState before = std::exchange(timeline.state, progress.state);
        timeline.steps.push_back({std::move(event), before, progress});
    }
    return timeline;
}

std::string attempt_text(const StoredAttempt& attempt) {
    std::string text = fmt::format("{}: attempt {} ", one_line(attempt.handler, 60), attempt.attempt);
    if (attempt.outcome == "delivered") return text + fmt::format("delivered in {:.1f} ms", attempt.ms);
    text += fmt::format("failed after {:.1f} ms", attempt.ms);
    if (attempt.why) text += ": " + one_line(*attempt.why);
    if (attempt.next_at) text += "; again at " + iso_time(*attempt.next_at);
    return text + (attempt.outcome == "dead" ? "; given up (dead letter)" : "");
}

std::string answer_text(const StoredEvent& event, std::string_view indent) {
    if (!event.answer) return std::string(indent) + "not answered, or the answer was not recorded\n";
    const auto parts = Document::parse(event.answer->parts);
    dom::array array;
    if (!parts || parts->root().get(array) || array.begin() == array.end())
        return fmt::format("{}answered {}\n", indent, event.answer->status);
    std::string text;
    for (const dom::element part : array) text += fmt::format("{}{}\n", indent, part_text(part));
    return text;
}

std::string timeline_text(const CallTimeline& timeline) {
    std::string text = "call    " + one_line(timeline.call) + "\n";
    if (timeline.caller) text += "caller  " + one_line(*timeline.caller) + "\n";
    if (timeline.called) text += "called  " + one_line(*timeline.called) + "\n";
    text += "state   " + std::string(name_of(timeline.state)) + "\n\n";
    auto command = timeline.commands.begin();
    for (const auto& step : timeline.steps) {
        for (; command != timeline.commands.end() && command->at < step.event.received_at; ++command)
            text += command_text(*command);
        text += event_line(step);
        const std::string at = step.event.answer ? iso_time(step.event.answer->at) : std::string(24, ' ');
        text += step.event.waited_for ? answer_text(step.event, at + "    ") : attempts_text(step.event);
    }
    for (; command != timeline.commands.end(); ++command) text += command_text(*command);
    return text;
}

std::string timeline_json(const CallTimeline& timeline) {
    const auto text = [](const std::optional<std::string>& value) {
        return value ? json_string(*value) : std::string("null");
    };
    std::string out = "{\"call\":" + json_string(timeline.call) + ",\"caller\":" + text(timeline.caller) +
                      ",\"called\":" + text(timeline.called);
    out += ",\"state\":" + json_string(name_of(timeline.state)) + ",\"events\":[";
    bool first = true;
    for (const auto& step : timeline.steps) {
        if (!std::exchange(first, false)) out += ',';
        out += "{\"effect\":" + json_string(name_of(step.progress.effect));
        out += ",\"call_state\":" + json_string(name_of(step.progress.state)) + ",\"event\":";
        append_event_json(out, step.event);
        out += '}';
    }
    out += "],\"actions\":[";
    for (const StoredCommand& command : timeline.commands) {
        if (out.back() != '[') out += ',';
        append_command_json(out, command);
    }
    return out + "]}";
}

}  // namespace hookswitch
