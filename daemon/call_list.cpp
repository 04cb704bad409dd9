// `hookswitch call list` and `get`: what is known of calls.

#include "daemon/api_output.hpp"
#include "daemon/call_place.hpp"
#include "daemon/columns.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"

#include <algorithm>
#include <array>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kColumns = 6;

// The daemon and the platform have different names for the same.
constexpr std::array<std::array<const char*, 2>, kColumns> kNames{{{"id", "id"},
                                                                   {"status", "status"},
                                                                   {"direction", "direction"},
                                                                   {"caller", "caller_phone"},
                                                                   {"called", "assistant_phone"},
                                                                   {"started_at", "started_at"}}};

std::string cell(dom::element call, std::size_t column) {
    for (const char* name : kNames[column]) {
        std::string_view text;
        if (!call[name].get(text)) return one_line(text, 60);
    }
    return "-";
}

void print_table(const std::vector<dom::element>& calls, std::ostream& out) {
    std::vector<std::vector<std::string>> rows{{"ID", "STATUS", "DIRECTION", "CALLER", "CALLED", "STARTED"}};
    for (const dom::element call : calls) {
        auto& row = rows.emplace_back();
        for (std::size_t i = 0; i < kColumns; ++i) row.push_back(cell(call, i));
    }
    std::vector<std::size_t> widths(kColumns);
    for (const auto& row : rows)
        for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], text_width(row[i]));
    for (const auto& row : rows) out << aligned_row(row, widths) << '\n';
}

std::string query_of(const cli::CallList& args, bool daemon) {
    std::string query = "?limit=" + std::to_string(args.limit);
    const auto add = [&query](const char* name, const std::optional<std::string>& value) {
        if (value) query.append("&").append(name).append("=").append(percent_encode(*value));
    };
    add("status", args.status);
    add("direction", args.direction);
    add("caller", args.caller);
    add("called", args.called);
    // A status is asked for whatever it means; the daemon would look among the running calls only.
    if (daemon) query += args.all || args.status ? "&live=false" : "&live=true";
    return query;
}

// The objects of the member `calls`; nullopt if there is no such thing.
std::optional<std::vector<dom::element>> calls_of(const Document& document) {
    dom::array array;
    if (document.root()["calls"].get(array)) return std::nullopt;
    return std::vector<dom::element>(array.begin(), array.end());
}

int odd(const Console& console, std::string_view command) {
    return complain(console, std::string(command) +
                                 ": the answer is not what it should be: is that the "
                                 "right URL?");
}

}  // namespace

int run(const cli::CallList& args, const Console& console) {
    const auto place = CallPlace::find(args.place, console.in);
    if (!place) return complain(console, "call list: " + place.error().what());
    if (!place->is_daemon() && (args.direction || args.caller || args.called)) {
        complain(
            console,
            "call list: the platform cannot look for a direction or a number: ask a daemon (--admin), or "
            "pick from the output of --json");
        return 2;
    }
    const auto reply = place->ask("GET", "/calls" + query_of(args, place->is_daemon()), "", console);
    if (!reply) return complain(console, "call list: " + place->explain(reply.error()));
    const auto document = Document::parse(*reply);
    const auto calls = document ? calls_of(*document) : std::nullopt;
    if (!calls) return odd(console, "call list");
    if (args.json) {
        for (const dom::element call : *calls) {
            std::string line;
            append_json(line, call);
            console.out << line << '\n';
        }
    } else if (calls->empty()) {
        console.err << "no call is like that\n";
    } else {
        print_table(*calls, console.out);
    }
    return 0;
}

int run(const cli::CallGet& args, const Console& console) {
    const auto segment = path_segment(args.call);
    if (!segment) {
        complain(console, "call get: " + segment.error().what());
        return 2;
    }
    const auto place = CallPlace::find(args.place, console.in);
    if (!place) return complain(console, "call get: " + place.error().what());
    const auto reply = place->ask("GET", "/calls/" + *segment, "", console);
    if (!reply) return complain(console, "call get: " + place->explain(reply.error()));
    const auto document = Document::parse(*reply);
    if (!document || !document->root().is_object()) return odd(console, "call get");
    if (args.json)
        console.out << *reply << '\n';
    else
        print_members(console.out, document->root());
    return 0;
}

}  // namespace hookswitch
