// `hookswitch events redeliver`.

#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"
#include "daemon/events_common.hpp"
#include "daemon/io/journal_file.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <set>
#include <span>
#include <utility>

namespace hookswitch {
namespace {

constexpr std::size_t kPage = 200;         // events read at once
constexpr std::size_t kTransaction = 500;  // rows; the daemon waits for the lock meanwhile

struct Redelivery : RedeliveryRequest {
    std::string id, type, call;
};

struct Plan {
    std::vector<Redelivery> deliveries;
    std::size_t events = 0;
    std::size_t unsettled = 0, requested = 0;  // deliveries that are left alone
    std::size_t erased = 0, waited_for = 0;    // events
    std::vector<std::string> mistakes;         // of what was named by an id

    std::string left_alone() const {
        const std::pair<std::size_t, const char*> all[]{{unsettled, "still pending or waiting"},
                                                        {requested, "asked for already"},
                                                        {erased, "without a body"},
                                                        {waited_for, "answered while the caller waited"}};
        std::string text;
        for (const auto& [count, what] : all)
            if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
        return text;
    }
};

using Requested = std::set<std::pair<std::int64_t, std::string>>;

class Planner {
public:
    Planner(const cli::EventsRedeliver& args, Requested requested)
        : args_(args), requested_(std::move(requested)) {}

    Result<Plan> plan(JournalReader& reader) {
        if (auto r = args_.ids.empty() ? by_filter(reader) : by_id(reader); !r) return r.error();
        return std::move(plan_);
    }

private:
    Result<> by_id(JournalReader& reader) {
        std::set<std::string> seen;
        for (const std::string& id : args_.ids) {
            if (!seen.insert(id).second) continue;
            TRY(const auto event, reader.load(id));
            if (!event)
                plan_.mistakes.push_back("there is no event '" + one_line(id) +
                                         "': 'hookswitch events list' shows their ids");
            else if (auto mistake = mistake_in(*event); !mistake.empty())
                plan_.mistakes.push_back(event->id + ": " + mistake);
            else
                add(*event, true);
        }
        return {};
    }

    std::string mistake_in(const StoredEvent& event) const {
        if (event.waited_for)
            return event.type +
                   " was answered while the caller waited: only told-only events, such as "
                   "status-update and end-of-call-report, can be delivered again";
        if (!event.body) return "its body was erased by retention: there is nothing left to deliver";
        if (event.deliveries.empty())
            return "no handler had to get it: give it a route, and replay an export";
        const auto& wanted = args_.filter.handler;
        const auto has = [&](const DeliveryState& delivery) { return delivery.handler == *wanted; };
        if (wanted && std::ranges::none_of(event.deliveries, has))
            return "handler '" + one_line(*wanted) + "' did not have to get it";
        return {};
    }

    Result<> by_filter(JournalReader& reader) {
        EventFilter filter = filter_of(args_.filter, wall_now());
        if (args_.dead) filter.state = "dead";
        filter.oldest_first = true;
        filter.limit = kPage;
        for (;;) {
            TRY(const auto events, reader.read(filter));
            for (const StoredEvent& event : events) {
                filter.after = event.seq;
                if (event.waited_for)
                    ++plan_.waited_for;
                else if (!event.body)
                    ++plan_.erased;
                else
                    add(event, false);
            }
            if (events.size() < kPage) return {};
        }
    }

    void add(const StoredEvent& event, bool by_name) {
        const std::size_t before = plan_.deliveries.size();
        for (const DeliveryState& delivery : event.deliveries) {
            if (args_.filter.handler && delivery.handler != *args_.filter.handler) continue;
            if (args_.dead && delivery.state != "dead") continue;
            // One that was never tried is on its way anyway.
            const bool pending = delivery.state == "pending";
            if (pending || (delivery.state == "waiting" && !by_name))
                ++plan_.unsettled;
            else if (requested_.contains({event.seq, delivery.handler}))
                ++plan_.requested;
            else
                plan_.deliveries.push_back(
                    {{event.seq, delivery.handler}, event.id, event.type, event.call.value_or("")});
        }
        if (plan_.deliveries.size() > before) ++plan_.events;
    }

    const cli::EventsRedeliver& args_;
    const Requested requested_;
    Plan plan_;
};

// A journal of an older version knows of none.
Result<Requested> requested(sqlite::Database& database) {
    Requested all;
    TRY(const auto known, database.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'redelivery'"));
    if (known == 0) return all;
    TRY(auto rows, database.prepare("SELECT seq, handler FROM redelivery"));
    for (;;) {
        TRY(const bool row, rows.step());
        if (!row) return all;
        all.emplace(rows.integer(0), rows.text(1));
    }
}

Result<> ask_for(sqlite::Database& database, const std::vector<Redelivery>& deliveries) {
    std::vector<RedeliveryRequest> requests(deliveries.begin(), deliveries.end());
    for (std::span<const RedeliveryRequest> rest = requests; !rest.empty();) {
        const auto some = rest.first(std::min(kTransaction, rest.size()));
        if (auto r = request_redelivery(database, some, wall_now()); !r) return r;
        rest = rest.subspan(some.size());
    }
    return {};
}

Result<Plan> make_plan(const cli::EventsRedeliver& args, const std::filesystem::path& file) {
    TRY(auto database, open_journal_to_read(file));
    TRY(auto known, requested(database));
    TRY(auto reader, JournalReader::open(file));
    return Planner(args, std::move(known)).plan(reader);
}

Result<> carry_out(const std::filesystem::path& file, const Plan& plan) {
    if (plan.deliveries.empty()) return {};
    TRY(auto database, open_journal_to_write(file));
    return ask_for(database, plan.deliveries);
}

void print_text(const Console& console, const Plan& plan, bool dry_run) {
    if (dry_run)
        for (const Redelivery& one : plan.deliveries)
            console.out << fmt::format("{} to {}: {}{}\n", one.id, one_line(one.handler, 60),
                                       one_line(one.type, 60),
                                       one.call.empty() ? "" : " of " + one_line(one.call));
    console.out << (dry_run ? "would redeliver " : "redelivering ");
    console.out << counted(plan.events, "event") << ", " << plan.deliveries.size()
                << (plan.deliveries.size() == 1 ? " delivery" : " deliveries");
    if (const auto left = plan.left_alone(); !left.empty()) console.out << "; left alone: " << left;
    console.out << '\n';
}

void print_json(const Console& console, const Plan& plan, bool dry_run) {
    std::string list;
    for (const Redelivery& one : plan.deliveries)
        list += (list.empty() ? "" : ",") + ("{\"id\":" + json_string(one.id)) +
                ",\"handler\":" + json_string(one.handler) + "}";
    console.out << fmt::format(
        "{{\"dry_run\":{},\"events\":{},\"deliveries\":[{}],\"left_alone\":{{\"unsettled\":{},\"requested\":{"
        "},"
        "\"erased\":{},\"waited_for\":{}}}}}\n",
        dry_run, plan.events, list, plan.unsettled, plan.requested, plan.erased, plan.waited_for);
}

}  // namespace

int run(const cli::EventsRedeliver& args, const Console& console) {
    const auto file = journal_file(args.place);
    if (!file) return complain(console, "events redeliver: " + file.error().what());
    const auto plan = make_plan(args, *file);
    if (!plan) return complain(console, "events redeliver: " + explain_journal(plan.error()).what());
    for (const std::string& mistake : plan->mistakes) complain(console, "events redeliver: " + mistake);
    if (!plan->mistakes.empty()) return 1;
    if (!args.dry_run)
        if (auto r = carry_out(*file, *plan); !r)
            return complain(console, "events redeliver: " + explain_journal(r.error()).what());
    (args.json ? print_json : print_text)(console, *plan, args.dry_run);
    return 0;
}

}  // namespace hookswitch
