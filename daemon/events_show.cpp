// `hookswitch events show`.

#include "daemon/call_timeline.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"
#include "daemon/event_json.hpp"
#include "daemon/events_common.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

// JSON with a line for each member.
void append_pretty(std::string& out, dom::element value, const std::string& indent) {
    dom::object object;
    dom::array array;
    const std::string deeper = indent + "  ";
    std::size_t done = 0;
    if (!value.get(object) && object.begin() != object.end()) {
        for (auto [key, member] : object) {
            out += (done++ == 0 ? "{" : ",") + deeper + json_string(key) + ": ";
            append_pretty(out, member, deeper);
        }
        out += indent + "}";
    } else if (!value.get(array) && array.begin() != array.end()) {
        for (const dom::element item : array) {
            out += (done++ == 0 ? "[" : ",") + deeper;
            append_pretty(out, item, deeper);
        }
        out += indent + "]";
    } else {
        append_json(out, value);
    }
}

std::string pretty(std::string_view text) {
    const auto document = Document::parse(text);
    if (!document) return one_line(text, text.size());
    std::string out;
    append_pretty(out, document->root(), "\n");
    return out;
}

// A request's head for a terminal: without its carriage returns, and whatever else might steer one.
std::string printable_head(std::string_view head) {
    std::string out;
    for (const char c : head)
        if (c == '\n' || (c != '\r' && c >= ' ') || static_cast<unsigned char>(c) >= 0x80) out += c;
    while (out.ends_with('\n')) out.pop_back();
    return out;
}

std::string field(std::string_view name, std::string_view value) {
    return fmt::format("{:<9} {}\n", name, value);
}

std::string facts(const StoredEvent& event) {
    std::string text = field("event", fmt::format("{} (number {})", event.id, event.seq));
    text += field("received", iso_time(event.received_at));
    text += field("type", fmt::format("{} ({})", one_line(event.type), event.dialect));
    text += field("source", event.source);
    const std::pair<const char*, const std::optional<std::string>*> known[]{{"call", &event.call},
                                                                            {"status", &event.status},
                                                                            {"caller", &event.caller},
                                                                            {"called", &event.called}};
    for (const auto& [name, value] : known)
        if (*value) text += field(name, one_line(**value));
    text += field("size", counted(event.size, "byte"));
    return text + field("state", event.state);
}

std::string delivery_text(const DeliveryState& delivery) {
    std::string text = fmt::format("  {}: {}", one_line(delivery.handler, 60), delivery.state);
    if (delivery.attempts > 0) text += ", " + counted(static_cast<std::size_t>(delivery.attempts), "attempt");
    if (delivery.next_at) text += ", again at " + iso_time(*delivery.next_at);
    return text + "\n";
}

std::string event_text(const StoredEvent& event) {
    std::string text = facts(event);
    if (!event.deliveries.empty()) text += "\ndeliveries\n";
    for (const DeliveryState& delivery : event.deliveries) text += delivery_text(delivery);
    if (!event.attempts.empty()) text += "\nattempts\n";
    for (const StoredAttempt& attempt : event.attempts)
        text += fmt::format("  {}  {}\n", iso_time(attempt.at), attempt_text(attempt));
    text += "\nrequest\n" + printable_head(event.head) + "\n\n";
    text += (event.body ? pretty(*event.body) : "(the body was erased by retention)") + "\n";
    if (!event.waited_for) return text;
    text += "\nanswer\n" + answer_text(event, "  ");
    if (event.answer)
        text += fmt::format("\n{} at {}\n{}\n", event.answer->status, iso_time(event.answer->at),
                            pretty(event.answer->body));
    return text;
}

int show(const cli::EventsShow& args, const Console& console, const StoredEvent& event) {
    if (args.raw && !event.body)
        return complain(console, "events show: " + event.id + ": its body was erased by retention");
    if (args.raw) {
        console.out << *event.body;
    } else if (args.json) {
        std::string out;
        append_event_json(out, event);
        console.out << out << '\n';
    } else {
        console.out << event_text(event);
    }
    return 0;
}

int show(const cli::EventsShow& args, const Console& console, const CallTimeline& timeline) {
    if (args.raw) return complain(console, "events show: --raw needs the id of an event, not of a call");
    console.out << (args.json ? timeline_json(timeline) + "\n" : timeline_text(timeline));
    return 0;
}

}  // namespace

int run(const cli::EventsShow& args, const Console& console) {
    const auto failed = [&](const Error& error) {
        return complain(console, "events show: " + explain_journal(error).what());
    };
    auto reader = open_reader(args.place);
    if (!reader) return complain(console, "events show: " + reader.error().what());
    const auto event = reader->load(args.what);
    if (!event) return failed(event.error());
    if (*event) return show(args, console, **event);
    EventFilter filter;
    filter.call = args.what;
    filter.oldest_first = true;
    filter.limit = std::numeric_limits<std::size_t>::max();
    auto events = reader->read(filter);
    if (!events) return failed(events.error());
    auto commands = reader->commands(args.what);
    if (!commands) return failed(commands.error());
    if (!events->empty())
        return show(args, console, call_timeline(args.what, *std::move(events), *std::move(commands)));
    return complain(console, "events show: there is neither an event nor a call '" + one_line(args.what) +
                                 "': 'hookswitch events list' shows what there is");
}

}  // namespace hookswitch
