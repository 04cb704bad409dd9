// [[handler]]: what each type takes, and whether what it names is there.

#include "daemon/config_sections.hpp"
#include "handlers/control.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace hookswitch {
namespace {

enum class HandlerType { unknown, reply, worker, exec, http, plugin, control };

// A value that a field is compared with, in the form that FieldCondition wants it.
std::optional<std::string> comparable(const toml::node& node) {
    if (auto text = node.value_exact<std::string>()) return text;
    if (auto truth = node.value_exact<bool>()) return *truth ? "true" : "false";
    if (auto integer = node.value_exact<std::int64_t>()) return std::to_string(*integer);
    if (auto number = node.value_exact<double>()) {
        char digits[32];  // the longest shortest form of a double has 24 characters
        return std::string(digits, std::to_chars(digits, digits + sizeof digits, *number).ptr);
    }
    return std::nullopt;
}

void read_bound(Table& in, std::string_view key, std::optional<double>& out) {
    const auto* node = in.find(key);
    if (!node) return;
    out = node->value<double>();
    if (!out || !node->is_number()) in.wrong_type(*node, key, "number");
}

FieldCondition read_comparison(Table in, std::string path) {
    FieldCondition condition{std::move(path), {}, {}, {}, {}};
    read_bound(in, "at_least", condition.at_least);
    read_bound(in, "at_most", condition.at_most);
    if (in.find("exists")) in.read("exists", condition.exists.emplace());
    // TOML makes a table of an unquoted dot, and the next word would look like a comparison.
    for (auto&& [key, node] : in.toml())
        if (in.find(key.str()) && key != "at_least" && key != "at_most" && key != "exists")
            in.mistake(node, key.str(),
                       "is not at_least, at_most or exists; a field with dots is written in quotes, as "
                       "\"tool_call.arguments.party_size\"");
    return condition;
}

void read_field(Table& in, const std::string& path, const toml::node& node, ReplyConditions& out) {
    if (const auto* table = node.as_table()) {
        if (table->empty()) in.mistake(node, path, "must not be empty");
        return in.table(path, [&](Table t) {
            auto condition = read_comparison(std::move(t), path);
            if (condition.at_least || condition.at_most || condition.exists) out.fields.push_back(condition);
        });
    }

    in.find(path);
    FieldCondition condition{path, {}, {}, {}, {}};
    auto add = [&](const toml::node& value, const std::string& key) {
        if (auto text = comparable(value))
            condition.any_of.push_back(*std::move(text));
        else
            in.wrong_type(value, key, "string, number, true or false");
    };
    if (const auto* array = node.as_array()) {
        if (array->empty()) return in.mistake(node, path, "must not be empty");
        for (std::size_t i = 0; i < array->size(); ++i)
            add(*array->get(i), path + "[" + std::to_string(i) + "]");
    } else {
        add(node, path);
    }
    if (!condition.any_of.empty()) out.fields.push_back(std::move(condition));
}

void read_list(Table& in, std::string_view key, std::optional<std::filesystem::path>& out) {
    std::filesystem::path path;
    in.read_path(key, path);
    if (!path.empty()) out = std::move(path);
}

void read_conditions(Table in, ReplyConditions& out) {
    if (in.find("open")) in.read("open", out.open.emplace());
    in.read("hours", out.hours);
    read_list(in, "caller_list", out.caller_list);
    read_list(in, "called_list", out.called_list);
    for (auto&& [key, node] : in.toml())
        if (key != "open" && key != "hours" && key != "caller_list" && key != "called_list")
            read_field(in, std::string(key.str()), node, out);
}

void read_holidays(Table& in, ReplySettings& out) {
    const auto* node = in.find("holidays");
    if (!node) return;
    if (!node->is_array()) {
        std::filesystem::path file;
        in.read_path("holidays", file);
        if (!file.empty()) out.holidays = std::move(file);
        return;
    }
    std::vector<std::string> dates;
    for (const auto& element : *node->as_array()) {
        auto& text = dates.emplace_back();
        const auto key = "holidays[" + std::to_string(dates.size() - 1) + "]";
        if (auto date = element.value_exact<toml::date>()) {
            std::ostringstream out_text;
            out_text << *date;
            text = out_text.str();
        } else if (element.is_string()) {
            in.string_in(key, element, text);
        } else {
            in.wrong_type(element, key, "date such as 2026-12-25 or \"12-25\"");
        }
    }
    out.holidays = std::move(dates);
}

std::string read_reply(Table& in, std::vector<ReplyText>& replies) {
    auto json = in.json("reply");
    if (!json.empty()) replies.push_back({json, in.full_key("reply"), in.find("reply")->source().begin});
    return json;
}

ReplySettings read_reply_settings(Table& in, std::vector<ReplyText>& replies) {
    ReplySettings settings;
    in.read("timezone", settings.timezone);
    in.read("hours", settings.hours);
    read_holidays(in, settings);
    in.each_table("case", [&](Table one) {
        auto& out = settings.cases.emplace_back();
        one.table("when", [&](Table t) { read_conditions(std::move(t), out.when); });
        one.table("unless", [&](Table t) { read_conditions(std::move(t), out.unless); });
        out.reply = read_reply(one, replies);
        one.finish();
    });
    settings.reply = read_reply(in, replies);
    return settings;
}

void report(Table& in, const std::vector<ReplyMistake>& mistakes) {
    for (const auto& m : mistakes) {
        const auto& at = node_at(in.toml(), m.key);
        // A value that could not be read at all has been reported, and is now missed or malformed.
        if (!in.file().faulty_at(at.source().begin)) in.mistake(at, m.key, m.what);
    }
}

std::shared_ptr<Handler> build_reply(Table& in, std::vector<ReplyText>& replies) {
    const auto settings = read_reply_settings(in, replies);
    std::vector<ReplyMistake> mistakes;
    auto handler = make_reply_handler(settings, mistakes);
    report(in, mistakes);
    return handler;
}

// Whoever talks the model into it would be connected to any number of the world, at our cost.
void warn_of_destination(Table& action) {
    std::string destination;
    const auto* node = action.find("destination");
    if (node && node->is_string()) destination = **node->as_string();
    if (destination.starts_with("${") && destination.find(":-") == std::string::npos)
        action.warning("destination",
                       "the number comes from the event: whoever talks the model into it is connected to "
                       "any; a tool with a fixed number for each desk is safer");
}

std::shared_ptr<Handler> build_control(Table& in, const std::string& name, std::vector<ReplyText>& replies) {
    ControlSettings settings;
    settings.name = name;
    in.each_table("actions", [&](Table action) {
        warn_of_destination(action);
        settings.actions.push_back(action.json());
    });
    if (!in.toml().contains("actions"))
        in.mistake("actions", "missing");
    else if (settings.actions.empty() && in.toml()["actions"].is_array())
        in.mistake("actions", "must not be empty");
    settings.reply = read_reply(in, replies);
    std::vector<ReplyMistake> mistakes;
    auto handler = make_control_handler(settings, mistakes);
    report(in, mistakes);
    return handler;
}

HandlerType read_type(Table& in) {
    auto type = HandlerType::unknown;
    if (!in.toml().contains("type")) in.mistake("type", "missing");
    in.choose<HandlerType>("type", type,
                           {{"reply", HandlerType::reply},
                            {"worker", HandlerType::worker},
                            {"exec", HandlerType::exec},
                            {"http", HandlerType::http},
                            {"plugin", HandlerType::plugin},
                            {"control", HandlerType::control}});
    return type;
}

void read_handler(Table in, std::vector<HandlerEntry>& entries, Config& config) {
    HandlerEntry entry{{}, in.full_key("name"), in.toml().source().begin, {}};
    in.need_name("name", entry.name);
    const bool taken = std::ranges::any_of(entries, [&](const auto& e) { return e.name == entry.name; });
    if (taken && !entry.name.empty())
        in.mistake("name", "'" + entry.name + "' is already the name of another handler");

    const auto type = read_type(in);
    DeliverySettings delivery;
    read_delivery(in, delivery);
    const auto add = [&](auto handler) {
        config.handlers.push_back({entry.name, std::move(handler), std::move(delivery)});
    };
    switch (type) {
        case HandlerType::unknown: break;
        case HandlerType::reply: add(build_reply(in, entry.replies)); break;
        case HandlerType::worker: add(read_worker(in, entry.name)); break;
        case HandlerType::exec: add(read_exec(in, entry.name)); break;
        case HandlerType::http: add(read_http_upstream(in, entry.name)); break;
        case HandlerType::plugin: add(read_plugin(in, entry.name)); break;
        case HandlerType::control: add(build_control(in, entry.name, entry.replies)); break;
    }
    if (type == HandlerType::control && !config.platform)
        in.mistake("type", "'control' needs a [platform] to carry out its actions");
    if (type != HandlerType::unknown) in.finish();  // else nobody can say which keys belong here
    entries.push_back(std::move(entry));
}

}  // namespace

std::vector<HandlerEntry> read_handlers(Table& root, Config& config) {
    std::vector<HandlerEntry> entries;
    root.each_table("handler", [&](Table in) { read_handler(std::move(in), entries, config); });
    return entries;
}

}  // namespace hookswitch
