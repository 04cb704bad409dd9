#include "daemon/admin_events.hpp"

#include "daemon/core/json.hpp"
#include "daemon/core/moment.hpp"
#include "daemon/core/query.hpp"
#include "daemon/event_json.hpp"
#include "daemon/io/journal_file.hpp"
#include "daemon/io/wall_clock.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace hookswitch {
namespace {

constexpr std::size_t kMostEvents = 1000;
constexpr std::array<std::string_view, 7> kStates{"answered", "unanswered", "stored", "pending",
                                                  "waiting",  "delivered",  "dead"};

AdminReply bad(std::string_view what) { return admin_error(400, "bad_request", what); }

// The reason is for the operator, who is who asks.
AdminReply unreadable(const Error& why) { return admin_error(503, "journal_unreadable", why.what()); }

Result<std::int64_t> number(std::string_view text, std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc() || end != text.data() + text.size() || value < least || value > most)
        return fail(Errc::bad_request,
                    "not a number from " + std::to_string(least) + " to " + std::to_string(most));
    return value;
}

Result<Milliseconds> moment(const std::string& text) {
    if (const auto moment = parse_moment(text)) return moment->seen_from(wall_now());
    return fail(Errc::bad_request,
                "neither a time such as 2026-01-09T14:00:00Z nor a duration such as 2h (ago)");
}

Result<> set(EventFilter& filter, const std::string& name, const std::string& value) {
    const std::pair<std::string_view, std::optional<std::string>*> texts[] = {
        {"call", &filter.call},     {"type", &filter.type},   {"source", &filter.source},
        {"caller", &filter.caller}, {"state", &filter.state}, {"handler", &filter.handler},
    };
    for (const auto& [key, member] : texts) {
        if (name != key) continue;
        if (name == "state" && std::ranges::find(kStates, value) == kStates.end())
            return fail(Errc::bad_request,
                        "none of answered, unanswered, stored, pending, waiting, delivered, dead");
        *member = value;
        return {};
    }
    if (name == "since" || name == "until") {
        TRY((name == "since" ? filter.since : filter.until), moment(value));
        return {};
    }
    if (name == "limit") {
        TRY(const auto limit, number(value, 1, kMostEvents));
        filter.limit = static_cast<std::size_t>(limit);
        return {};
    }
    if (name != "after")
        return fail(Errc::bad_request,
                    "unknown; known: call, type, source, caller, since, until, state, handler, limit, after");
    TRY(filter.after, number(value, 0, std::int64_t{1} << 53));
    filter.oldest_first = true;  // whoever goes on from somewhere goes forwards
    return {};
}

Result<EventFilter> read_filter(std::string_view query) {
    TRY(const auto parameters, parse_query(query));
    EventFilter filter;
    for (const auto& [name, value] : parameters)
        if (auto r = set(filter, name, value); !r) return std::move(r).error().in(name);
    return filter;
}

AdminReply no_such_event() { return admin_error(404, "not_found", "There is no event with this id."); }

// Why it cannot be handed over again; empty: it can.
std::string_view why_not(const StoredEvent& event) {
    if (event.waited_for)
        return "It was answered while the caller waited; only told-only events are delivered.";
    if (!event.body) return "Its body was erased by retention; there is nothing left to deliver.";
    if (event.deliveries.empty()) return "No handler had to get it.";
    return {};
}

Result<> ask_for(const std::filesystem::path& journal, const std::vector<RedeliveryRequest>& requests) {
    TRY(auto database, open_journal_to_write(journal));
    return request_redelivery(database, requests, wall_now());
}

// nullopt: of all handlers.
Result<std::optional<std::string>> read_handler(std::string_view query) {
    TRY(auto parameters, parse_query(query));
    std::optional<std::string> handler;
    for (auto& [name, value] : parameters) {
        if (name != "handler") return fail(Errc::bad_request, name + ": unknown; known: handler");
        handler = std::move(value);
    }
    return handler;
}

}  // namespace

AdminReply list_events(const std::filesystem::path& journal, std::string_view query) {
    const auto filter = read_filter(query);
    if (!filter) return bad(filter.error().what());
    auto reader = JournalReader::open(journal);
    if (!reader) return unreadable(reader.error());
    const auto events = reader->list(*filter);
    if (!events) return unreadable(events.error());
    AdminReply reply;
    reply.body = R"({"events":[)";
    for (const EventRow& event : *events) {
        if (reply.body.back() != '[') reply.body += ',';
        append_event_json(reply.body, event);
    }
    reply.body += "]}";
    return reply;
}

AdminReply show_event(const std::filesystem::path& journal, std::string_view id) {
    auto reader = JournalReader::open(journal);
    if (!reader) return unreadable(reader.error());
    const auto event = reader->load(id);
    if (!event) return unreadable(event.error());
    if (!*event) return no_such_event();
    AdminReply reply;
    append_event_json(reply.body, **event);
    return reply;
}

AdminReply redeliver_event(const std::filesystem::path& journal, std::string_view id,
                           std::string_view query) {
    const auto wanted = read_handler(query);
    if (!wanted) return bad(wanted.error().what());
    auto reader = JournalReader::open(journal);
    if (!reader) return unreadable(reader.error());
    const auto event = reader->load(id);
    if (!event) return unreadable(event.error());
    if (!*event) return no_such_event();
    if (const auto why = why_not(**event); !why.empty()) return admin_error(409, "not_deliverable", why);
    std::vector<RedeliveryRequest> requests;
    for (const DeliveryState& delivery : (*event)->deliveries)
        if (!*wanted || **wanted == delivery.handler) requests.push_back({(*event)->seq, delivery.handler});
    if (requests.empty()) return bad("handler: this event did not have to reach it");
    if (auto r = ask_for(journal, requests); !r) return unreadable(r.error());

    AdminReply reply;
    reply.status = 202;
    reply.body = "{\"id\":" + json_string((*event)->id) + ",\"handlers\":[";
    for (const RedeliveryRequest& request : requests) {
        if (reply.body.back() != '[') reply.body += ',';
        append_json_string(reply.body, request.handler);
    }
    reply.body += "]}";
    return reply;
}

}  // namespace hookswitch
