#include "daemon/api_output.hpp"
#include "daemon/columns.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kWidest = 40;      // columns of a cell, unless --wide
constexpr std::size_t kUncut = 1 << 20;  // bytes

// What of a list is shown as a table. A column that no object of the first page has is left out, so the
// spellings of all eras can stand next to each other.
struct Columns {
    std::string_view resource, verb;
    std::vector<std::string> names;
};

const std::vector<Columns>& all_columns() {
    static const std::vector<Columns> all{
        {"assistants", "list", {"id", "name", "business_name", "is_active", "webhook_url", "updated_at"}},
        {"agents", "list", {"id", "name", "business_name", "is_active", "webhook_url", "updated_at"}},
        {"tool-templates", "list", {"id", "name", "tool_type", "description", "updated_at"}},
        {"analysis-templates", "list", {"id", "name", "description", "updated_at"}},
        {"voices", "list", {"id", "name", "language", "style"}},
        {"workflows", "list", {"id", "name", "is_active", "node_count", "edge_count", "updated_at"}},
        {"mcp-servers", "list", {"id", "name", "url", "transport", "header_names", "timeout_seconds"}},
        {"numbers",
         "list",
         {"id", "phone_number", "name", "agent_id", "assistant_id", "agent_name", "workflow_name",
          "is_active"}},
        {"sip-trunks",
         "list",
         {"id", "name", "provider", "host", "port", "username", "address", "transport", "auth_username",
          "is_active"}},
        {"calls",
         "list",
         {"id", "status", "direction", "caller_phone", "assistant_phone", "started_at", "duration_seconds",
          "agent_name", "error"}},
        {"usage",
         "list",
         {"id", "call_id", "created_at", "duration_seconds", "duration_sec", "minutes_used", "cost",
          "call_type", "phone_number", "agent_name"}},
        {"campaigns",
         "list",
         {"id", "name", "status", "agent_id", "total_leads", "completed_leads", "failed_leads",
          "schedule_start_time", "schedule_end_time", "timezone"}},
        {"campaign-leads",
         "list",
         {"id", "phone_number", "status", "attempts", "last_attempt_at", "call_id"}},
        {"byok", "config", {"id", "name", "category", "models", "docsUrl"}},
        {"domains", "available", {"id", "name", "status", "region"}},
    };
    return all;
}

bool has(dom::element item, std::string_view key) {
    dom::object object;
    dom::element value;
    return !item.get(object) && !object.at_key(key).get(value);
}

std::vector<std::string> keys_of(dom::element item) {
    std::vector<std::string> keys;
    dom::object object;
    if (item.get(object)) return keys;
    for (const auto [key, value] : object)
        if (!value.is_object() && !value.is_array()) keys.emplace_back(key);
    return keys;
}

std::vector<std::string> columns_of(const PlatformOperation& operation,
                                    const std::vector<dom::element>& items) {
    const auto chosen = std::ranges::find_if(all_columns(), [&](const Columns& columns) {
        return columns.resource == operation.resource && columns.verb == operation.verb;
    });
    std::vector<std::string> names;
    if (chosen != all_columns().end())
        std::ranges::copy_if(chosen->names, std::back_inserter(names), [&](const std::string& name) {
            return std::ranges::any_of(items, [&](dom::element item) { return has(item, name); });
        });
    if (names.empty() && !items.empty()) names = keys_of(items.front());  // unlike anything documented
    return names;
}

// A list of models or of header names is its ids.
std::string listed(dom::array array) {
    std::string text;
    for (const dom::element item : array) {
        std::string_view id;
        dom::object object;
        const bool named = !item.get(id) || (!item.get(object) && !object.at_key("id").get(id));
        if (!text.empty()) text += ", ";
        if (named)
            text += id;
        else
            append_json(text, item);
    }
    return text.empty() ? "-" : text;
}

std::string shown(dom::element value) {
    std::string_view string;
    dom::array array;
    if (value.is_null()) return "-";
    if (!value.get(string)) return string.empty() ? "\"\"" : std::string(string);
    if (!value.get(array)) return listed(array);
    std::string json;
    append_json(json, value);
    return json;
}

std::string cell(dom::element item, std::string_view key) {
    dom::object object;
    dom::element value;
    if (item.get(object)) return shown(item);
    return object.at_key(key).get(value) ? "-" : shown(value);
}

std::string upper(std::string text) {
    for (char& c : text) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c == '_') c = ' ';
    }
    return text;
}

void print_members_under(std::ostream& out, const std::string& prefix, dom::object object) {
    std::size_t widest = 0;
    for (const auto [key, value] : object) widest = std::max(widest, text_width(prefix) + text_width(key));
    for (const auto [key, value] : object) {
        const std::string name = one_line(prefix + std::string(key), kUncut);
        out << name << std::string(widest + 2 - std::min(widest, text_width(name)), ' ')
            << one_line(shown(value), kUncut) << '\n';
    }
}

}  // namespace

ApiList::ApiList(const PlatformOperation& operation, const cli::Api& args, std::ostream& out)
    : operation_(operation), json_(args.json), wide_(args.wide), out_(out) {}

void ApiList::begin(const std::vector<dom::element>& items) {
    begun_ = true;
    columns_ = columns_of(operation_, items);
    Row titles;
    for (const auto& name : columns_) {
        titles.push_back(upper(name));
        std::size_t widest = name.size();
        for (const dom::element item : items) {
            const std::string text = one_line(cell(item, name), kUncut);
            widest = std::max(widest, wide_ ? text_width(text) : std::min(text_width(text), kWidest));
        }
        widths_.push_back(widest);
    }
    print(titles);
}

void ApiList::print(const Row& cells) { out_ << aligned_row(cells, widths_) << '\n'; }

void ApiList::add(const std::vector<dom::element>& items) {
    if (!json_ && !begun_ && !items.empty()) begin(items);
    for (const dom::element item : items) {
        if (json_) {
            std::string line = count_ == 0 ? "[\n" : ",\n";
            append_json(line, item);
            out_ << line;
        } else {
            Row cells;
            for (const auto& name : columns_) {
                const std::string text = one_line(cell(item, name), kUncut);
                cells.push_back(wide_ ? text : cut_to(text, kWidest));
            }
            print(cells);
        }
        ++count_;
    }
    out_.flush();
}

void ApiList::finish() {
    if (json_) out_ << (count_ == 0 ? "[]\n" : "\n]\n");
    out_.flush();
}

void print_members(std::ostream& out, dom::element value) {
    dom::object object;
    if (value.get(object))
        out << one_line(shown(value), kUncut) << '\n';
    else
        print_members_under(out, "", object);
}

void print_around(std::ostream& out, std::string_view envelope, dom::element reply) {
    dom::object object;
    if (envelope.empty() || reply.get(object)) return;
    for (const auto [key, value] : object) {
        if (key == envelope || key == "pagination" || key == "success") continue;
        dom::object members;
        if (!value.get(members))
            print_members_under(out, std::string(key) + '.', members);
        else
            out << one_line(key, kUncut) << "  " << one_line(shown(value), kUncut) << '\n';
    }
}

}  // namespace hookswitch
