// The tools that the model of a call uses.

#include "daemon/simulator/call_in_play.hpp"
#include "daemon/simulator/random_text.hpp"
#include "daemon/simulator/tool_definition.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace hookswitch::simulator {
namespace {

using How = DeliveryOutcome::How;

// What the model is told is not documented for any of these (protocol, 2.4).
std::vector<ToolOutcome> without_answer(const DeliveryOutcome& outcome, std::size_t tools) {
    const bool late = outcome.how == How::late || outcome.how == How::dropped;
    ToolOutcome told;
    told.result = late ? "\"The tool did not answer in time.\"" : "\"The tool failed.\"";
    told.error = true;
    return std::vector<ToolOutcome>(tools, told);
}

}  // namespace

// Tools with an address of their own, and those that are not waited for, are events of their own.
bool CallPlayer::Impl::use_tools(const CallPtr& call, const Step& step) {
    struct Event {
        std::optional<std::string> url, secret;
        bool async = false;
        std::vector<ToolUse> uses;
    };
    if (!is_listed(*call, EventKind::tool_calls)) return false;
    std::vector<Event> events;
    const auto* prefix = call->dialect.spelling == Dialect::legacy ? "call_" : "tool_";
    for (const ScenarioTool& tool : step.tools) {
        const ToolDefinition defined = tool_definition(*call->assistant, tool.name);
        Event event;
        event.url = tool.url.empty() ? defined.url : tool.url;
        event.secret = defined.secret;
        event.async = tool.async || defined.async;
        auto same = std::ranges::find_if(events, [&](const Event& other) {
            return other.url == event.url && other.secret == event.secret && other.async == event.async;
        });
        if (same == events.end()) same = events.insert(events.end(), std::move(event));
        same->uses.push_back({prefix + random_token(random, 12), tool.name, tool.arguments});
        if (!defined.message.empty()) said(*call, "assistant", defined.message);
    }
    for (Event& event : events) {
        auto to = destination(call->to, event.url, event.secret);
        if (to) send_tools(call, std::move(event.uses), std::move(to), !event.async);
    }
    return call->tools_out > 0;
}

void CallPlayer::Impl::send_tools(const CallPtr& call, std::vector<ToolUse> uses,
                                  std::shared_ptr<const Destination> to, bool waited_for) {
    ++call->played.deliveries;
    Delivery delivery;
    delivery.kind = EventKind::tool_calls;
    delivery.call = call->record->id;
    delivery.body = tool_calls_body(facts(*call), uses);
    delivery.to = std::move(to);
    if (waited_for) ++call->tools_out;
    parts.sender.send(std::move(delivery), [self = shared_from_this(), call, given = std::move(uses),
                                            waited_for](const DeliveryOutcome& outcome) {
        if (waited_for) self->tools_answered(call, given, outcome);
    });
}

void CallPlayer::Impl::tools_answered(const CallPtr& call, const std::vector<ToolUse>& uses,
                                      const DeliveryOutcome& outcome) {
    const auto results = outcome.how == How::answered
                             ? read_tool_answer(call->dialect.spelling, outcome.body, uses)
                             : without_answer(outcome, uses.size());
    for (const ToolOutcome& result : results) parts.report.tool_answered(result.error);
    if (call->phase != Call::Phase::talking) return;  // it ended meanwhile
    for (std::size_t i = 0; i < uses.size(); ++i) {
        const std::string& json = results[i].result;
        call->played.tool_results.emplace_back(uses[i].name, json);
        narrate(*call, [&] {
            return fmt::format("tool {}({}) in {:.1f} ms", uses[i].name, uses[i].arguments,
                               std::chrono::duration<double, std::milli>(outcome.took).count());
        });
        // The model would put it into words; a text is taken for those words.
        const auto doc = Document::parse(json);
        std::string_view text;
        if (doc && !doc->root().get(text))
            said(*call, "assistant", std::string(text));
        else
            said(*call, "system", uses[i].name + ": " + json);
    }
    if (--call->tools_out == 0) {
        ++call->turn;
        go_on(call);
    }
}

}  // namespace hookswitch::simulator
