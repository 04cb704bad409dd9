// [[route]]: globs, and whether the names, times and answers in it fit the events that it can get.

#include "daemon/config_sections.hpp"
#include "daemon/core/glob.hpp"
#include "daemon/core/outcome.hpp"

#include <algorithm>
#include <array>
#include <variant>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

/// Which kinds of event a route can get.
struct Kinds {
    bool assistant_request = false, tool_calls = false, told_only = false;

    bool only_tool_calls() const { return tool_calls && !assistant_request && !told_only; }
    bool only_assistant_requests() const { return assistant_request && !tool_calls && !told_only; }
    bool any_waited_for() const { return assistant_request || tool_calls; }

    std::chrono::milliseconds max() const {
        if (told_only) return max_timeout(EventKind::other);
        return max_timeout(tool_calls ? EventKind::tool_calls : EventKind::assistant_request);
    }
};

bool has_wildcard(std::string_view glob) { return glob.find_first_of("*?") != std::string_view::npos; }

Kinds kinds_of(const Globs& event) {
    if (event.empty()) return {true, true, true};
    Kinds kinds;
    for (const auto& glob : event) {
        const bool requests = glob_match(glob, "assistant-request"), calls = glob_match(glob, "tool-calls");
        kinds.assistant_request |= requests;
        kinds.tool_calls |= calls;
        // Types that nobody knows yet are told-only, and a wildcard may match some of them.
        kinds.told_only |= has_wildcard(glob) || (!requests && !calls);
    }
    return kinds;
}

void check_event_names(Table& in, const Globs& event) {
    const std::vector<std::string> known{"assistant-request", "tool-calls", "status-update",
                                         "end-of-call-report"};
    for (const auto& name : event) {
        if (has_wildcard(name) || std::ranges::find(known, name) != known.end()) continue;
        if (auto meant = nearest(name, known))  // else it is a type of the platform's that is new to us
            in.warning("event",
                       "'" + name + "' is no event of the platform's; did you mean '" + *meant + "'?");
    }
}

template <class T>
std::vector<std::string> names_of(const std::vector<T>& things) {
    std::vector<std::string> names(things.size());
    std::ranges::transform(things, names.begin(), &T::name);
    return names;
}

void read_sources_of(Table& in, const std::vector<Source>& sources, Globs& out) {
    const auto names = names_of(sources);
    for (const auto& item : in.items("source")) {
        if (!item.ok) continue;
        out.push_back(item.text);
        if (std::ranges::none_of(names, [&](const auto& name) { return glob_match(item.text, name); }))
            in.mistake(*item.node, item.key,
                       "no [[source]] has the name '" + item.text + "'" + suggestion(item.text, names));
    }
}

const HandlerEntry* read_handler_of(Table& in, const std::vector<HandlerEntry>& handlers, std::string& out) {
    in.need("handler", out);
    if (out.empty()) return nullptr;
    const auto found = std::ranges::find(handlers, out, &HandlerEntry::name);
    if (found != handlers.end()) return &*found;
    in.mistake("handler", "no [[handler]] has the name '" + out + "'" + suggestion(out, names_of(handlers)));
    return nullptr;
}

// What is wrong with an answer to events of these kinds, as far as that can be known now.
Result<> check_answer(const Kinds& kinds, const std::string& json) {
    if (kinds.only_tool_calls()) {
        if (auto result = tool_result(Dialect::snake, json); !result) return result.error();
    } else if (kinds.only_assistant_requests()) {
        if (auto reply = assistant_reply(Dialect::snake, json); !reply) return reply.error();
    }
    return {};
}

void read_fallback(Table& in, const Kinds& kinds, std::string& out) {
    out = in.json("fallback");
    if (out.empty()) return;
    if (!kinds.any_waited_for()) return in.mistake("fallback", "nobody waits for an answer to these events");
    if (auto fits = check_answer(kinds, out); !fits) return in.mistake("fallback", fits.error().what());
    if (out.find("${") != std::string::npos)
        in.mistake("fallback",
                   "is given as it stands: ${...} is filled in by handlers of type \"reply\" only");
}

bool ends_at_the_deadline(const Config& config, const std::string& handler) {
    return std::ranges::any_of(config.handlers, [&](const HandlerConfig& entry) {
        return entry.name == handler && std::holds_alternative<ExecSettings>(entry.handler);
    });
}

void read_late(Table& in, const Kinds& kinds, const Config& config, const std::string& handler,
               bool& inject) {
    in.choose<bool>("late", inject, {{"drop", false}, {"inject", true}});
    if (in.toml().contains("late") && !kinds.any_waited_for())
        in.mistake("late", "no answer to these events can be late: nobody waits for one");
    else if (inject && !kinds.tool_calls)
        in.mistake("late", "'inject' is for tool-calls: the call has begun without this answer");
    else if (inject && !config.platform)
        in.mistake("late", "'inject' needs a [platform] to send it to");
    else if (inject && ends_at_the_deadline(config, handler))
        in.warning("late", "comes to nothing: '" + handler + "' is killed at the deadline, with its answer");
}

Kinds read_route(Table in, const std::vector<HandlerEntry>& handlers, const Config& config,
                 RouteSettings& out) {
    in.read("event", out.event);
    check_event_names(in, out.event);
    const auto kinds = kinds_of(out.event);
    read_sources_of(in, config.sources, out.source);
    in.read("tool", out.tool);
    if (!out.tool.empty() && !kinds.tool_calls) in.mistake("tool", "only tool-calls have a tool");
    in.read("called", out.called);
    in.read("caller", out.caller);
    in.read("direction", out.direction);
    in.read("status", out.status);
    read_handler_of(in, handlers, out.handler);
    if (in.toml().contains("timeout")) in.read("timeout", out.timeout.emplace(), 10ms, kinds.max());
    read_fallback(in, kinds, out.fallback);
    read_late(in, kinds, config, out.handler, out.inject_late);
    in.finish();
    return kinds;
}

// A reply handler that gets nothing but tool calls (or assistant-requests) must answer those. One
// that gets both tells them apart by its cases, which is beyond what can be checked here.
void check_replies(Table& root, const HandlerEntry& handler, const Kinds& kinds) {
    for (const auto& reply : handler.replies) {
        auto fits = check_answer(kinds, reply.json);
        if (!fits && !root.file().faulty_at(reply.at))
            root.file().mistake(reply.at, reply.key, fits.error().what());
    }
}

}  // namespace

void read_routes(Table& root, const std::vector<HandlerEntry>& handlers, Config& config) {
    std::vector<Kinds> kinds;
    root.each_table("route", [&](Table in) {
        kinds.push_back(read_route(std::move(in), handlers, config, config.routes.emplace_back()));
    });
    for (const auto& handler : handlers) {
        Kinds all;
        bool routed = false;
        for (std::size_t i = 0; i < kinds.size(); ++i) {
            if (config.routes[i].handler != handler.name) continue;
            routed = true;
            all.assistant_request |= kinds[i].assistant_request;
            all.tool_calls |= kinds[i].tool_calls;
            all.told_only |= kinds[i].told_only;
        }
        if (routed)
            check_replies(root, handler, all);
        else
            root.file().warning(handler.at, handler.key, "no [[route]] leads to '" + handler.name + "'");
    }
}

}  // namespace hookswitch
