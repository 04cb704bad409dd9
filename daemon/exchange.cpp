#include "daemon/exchange.hpp"

#include "daemon/io/log.hpp"

#include <boost/asio/dispatch.hpp>

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// max_timeout is this long before the platform gives up.
constexpr auto kPlatformMargin = milliseconds(500);

constexpr std::string_view kUnavailable = R"({"error":"This tool is not available."})";
constexpr std::string_view kByHandler = "handler", kByBuiltIn = "built-in", kByFallback = "fallback";
constexpr std::string_view kBadArguments =
    R"({"error":"The arguments of this tool call are not valid JSON."})";

double ms_since(steady_clock::time_point start) {
    const std::chrono::duration<double, std::milli> passed = steady_clock::now() - start;
    return std::round(passed.count() * 1000) / 1000;
}

// What the model reads; it makes a sentence of it in the language of the call.
CallCommand late_result(std::string_view tool, const std::string& result) {
    const auto document = Document::parse(result);
    std::string_view text = result;
    if (document && document->root().get(text)) text = result;  // not a string: as JSON
    return inject_context(
        "The result of the tool \"" + std::string(tool) + "\" came late: " + std::string(text), true);
}

}  // namespace

Exchange::Exchange(asio::any_io_executor shard, const std::string& id, Received received,
                   std::shared_ptr<const Event> event, std::shared_ptr<Outbox> outbox)
    : shard_(std::move(shard)),
      timer_(shard_),
      received_(std::move(received)),
      event_(std::move(event)),
      outbox_(std::move(outbox)) {
    divide(id);
    if (std::ranges::any_of(parts_, &Part::raw))
        raw_ = std::make_shared<const RawRequest>(
            RawRequest{std::string(received_.head), std::string(received_.body)});
    trace_ = trace_in(received_.head);
    received_.head = received_.body = {};  // their buffer is for the next request
    received_.kind = nullptr;
    open_ = parts_.size();
}

void Exchange::divide(const std::string& id) {
    if (event_->kind != EventKind::tool_calls) add_part(nullptr);
    parts_.reserve(event_->tool_calls.size());
    for (const ToolCall& call : event_->tool_calls) add_part(&call);
    for (std::size_t i = 0; i < parts_.size(); ++i)
        parts_[i].id = parts_.size() > 1 ? id + '.' + std::to_string(i + 1) : id;
}

void Exchange::add_part(const ToolCall* call) {
    const Route* route = received_.routing->first_match(*event_, received_.source->name,
                                                        call ? call->name : std::string_view());
    const bool raw = route && route->handler->wants_raw();
    const auto same = std::ranges::find_if(parts_, [&](const Part& part) {
        return raw && part.raw && part.route->settings.handler == route->settings.handler;
    });
    if (same != parts_.end()) return same->tool_calls.push_back(call);
    Part& part = parts_.emplace_back();
    if (call) part.tool_calls.push_back(call);
    part.route = route;
    part.deadline = received_.at + (route ? timeout_for(route->settings, event_->kind) : milliseconds(0));
    part.raw = raw;
}

void Exchange::start(Done done) {
    done_ = std::move(done);
    for (std::size_t i = 0; i < parts_.size(); ++i) begin(i);
    starting_ = false;
    open_ == 0 ? finish() : arm();
}

void Exchange::begin(std::size_t index) {
    Part& part = parts_[index];
    if (!part.route) return settle(part, built_in(part), kByBuiltIn);
    const ToolCall* call = part.tool_calls.empty() || part.raw ? nullptr : part.tool_calls.front();
    if (call && !call->arguments) return settle(part, shape(part, kBadArguments).value(), kByBuiltIn);

    Invocation invocation{part.id,        event_,        call, received_.source->name,    received_.routing,
                          received_.wall, part.deadline, 1,    part.raw ? raw_ : nullptr, trace_};
    Answer answer([self = shared_from_this(), index](Result<Outcome> outcome) {
        auto hop = [self, index, outcome = std::move(outcome)]() mutable {
            self->receive(index, std::move(outcome));
        };
        asio::dispatch(self->shard_, std::move(hop));
    });
    try {
        part.route->handler->handle(std::move(invocation), std::move(answer));
    } catch (const std::exception& e) {
        // A handler's bug is its event's problem, nobody else's; its answer, dropped, has settled it.
        log::error("handler.threw", kv("id", part.id), kv("call", event_->call_id),
                   kv("handler", part.route->settings.handler), kv("why", e.what()));
    }
}

void Exchange::receive(std::size_t index, Result<Outcome> outcome) {
    Part& part = parts_[index];
    if (part.settled) return receive_late(part, std::move(outcome));
    if (!outcome) {
        if (outcome.error() == Errc::deadline_exceeded) metrics_of(part).missed_deadlines[event_->kind].add();
        fail_over(part, outcome.error().what());
    } else {
        take(part, *std::move(outcome));
    }
    if (!starting_ && open_ == 0) finish();
}

void Exchange::take(Part& part, Outcome outcome) {
    if (part.raw && !outcome.raw.empty()) return take_raw(part, std::move(outcome.raw));
    auto answer = outcome.reply.empty() ? std::string() : shape(part, outcome.reply);
    if (!answer) return fail_over(part, answer.error().what());
    part.actions = std::move(outcome.actions);
    outcome.reply.empty() ? settle_with_fallback(part) : settle(part, *std::move(answer), kByHandler);
}

// Where others answer some of the event's tool calls, its results are taken out of its body.
void Exchange::take_raw(Part& part, std::string body) {
    if (part.tool_calls.size() == event_->tool_calls.size()) {
        part.whole = std::move(body);
    } else if (auto results = results_in(body, part.tool_calls)) {
        part.answers = *std::move(results);
    } else {
        return fail_over(part, results.error().what());
    }
    close(part, kByHandler);
}

// The platform has its answer. With late = "inject" the model learns of this one all the same, and what
// the handler wants of the call is carried out; else both are dropped.
void Exchange::receive_late(Part& part, Result<Outcome> outcome) {
    if (!outcome && outcome.error() == Errc::deadline_exceeded) return;  // it says nothing new
    const RouteSettings& route = part.route->settings;
    part.route->metrics->late.add();
    const bool inject =
        route.inject_late && part.tool_calls.size() == 1 && outcome && !event_->call_id.empty();
    log::info("handler.late", kv("id", part.id), kv("handler", route.handler), kv("call", event_->call_id),
              kv("ms", ms_since(received_.at)), kv("injected", inject));
    if (!inject) return;
    std::vector<CallCommand> commands;
    if (const auto result = tool_result(Dialect::snake, outcome->reply); !outcome->reply.empty() && result)
        commands.push_back(late_result(tool_of(part), *result));
    for (CallCommand& command : outcome->actions) commands.push_back(std::move(command));
    if (done_) {  // other parts are open still; it must not overtake the answer
        part.actions = std::move(commands);
        return;
    }
    if (!commands.empty()) outbox_->post(orders_of(part, std::move(commands)), shard_, [] {});
}

std::vector<CommandOrder> Exchange::orders_of(const Part& part, std::vector<CallCommand> commands) const {
    return orders_of_handler(part.route->settings.handler, event_->call_id, std::move(commands), part.id);
}

std::vector<CommandOrder> Exchange::take_orders() {
    std::vector<CommandOrder> all;
    for (Part& part : parts_) {
        if (part.actions.empty()) continue;
        auto orders = orders_of(part, std::exchange(part.actions, {}));
        std::ranges::move(orders, std::back_inserter(all));
    }
    return all;
}

void Exchange::settle(Part& part, std::string answer, std::string_view by) {
    part.answers.assign(std::max<std::size_t>(part.tool_calls.size(), 1), std::move(answer));
    close(part, by);
}

void Exchange::close(Part& part, std::string_view by) {
    part.settled = true;
    part.by = by;
    part.ms = ms_since(received_.at);
    --open_;
    count(part);
    if (!log::enabled(log::Level::info)) return;
    log::info("event.answered", kv("id", part.id), kv("type", event_->type), kv("call", event_->call_id),
              kv("source", received_.source->name), kv("tool", tool_of(part)),
              log::number("caller", event_->caller.value_or("")), kv("peer", received_.peer), kv("by", by),
              kv("handler", part.route ? std::string_view(part.route->settings.handler) : ""),
              kv("ms", part.ms));
}

HandlerMetrics& Exchange::metrics_of(const Part& part) const {
    return part.route ? *part.route->metrics : received_.routing->unrouted();
}

void Exchange::count(const Part& part) const {
    HandlerMetrics& metrics = metrics_of(part);
    const EventKind kind = event_->kind;
    const auto patience = std::chrono::duration<double>(max_timeout(kind) + kPlatformMargin).count();
    metrics.answer_seconds[kind].observe(part.ms / 1000);
    metrics.headroom_seconds[kind].observe(patience - part.ms / 1000);
    if (part.by == kByFallback) metrics.fallbacks[kind].add();
    if (part.by == kByBuiltIn) metrics.built_in[kind].add();
}

void Exchange::fail_over(Part& part, std::string_view why) {
    metrics_of(part).failures[event_->kind].add();
    log::warn("handler.failed", kv("id", part.id), kv("type", event_->type), kv("call", event_->call_id),
              kv("handler", part.route->settings.handler), kv("why", why));
    part.why = why;
    settle_with_fallback(part);
}

void Exchange::settle_with_fallback(Part& part) {
    const std::string& fallback = part.route->settings.fallback;
    auto answer = shape(part, fallback);
    settle(part, answer ? *std::move(answer) : built_in(part), fallback.empty() ? kByBuiltIn : kByFallback);
}

// One timer for all parts, set to the earliest deadline that is still open.
void Exchange::arm() {
    auto earliest = steady_clock::time_point::max();
    for (const Part& part : parts_)
        if (!part.settled) earliest = std::min(earliest, part.deadline);
    timer_.expires_at(earliest);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& ec) {
        if (!ec && self->done_) self->on_deadline();
    });
}

void Exchange::on_deadline() {
    const auto now = steady_clock::now();
    for (Part& part : parts_)
        if (!part.settled && part.deadline <= now) {
            metrics_of(part).missed_deadlines[event_->kind].add();
            fail_over(part, "deadline exceeded");
        }
    open_ == 0 ? finish() : arm();
}

void Exchange::finish() {
    timer_.cancel();
    std::string text = body();
    // A late answer may hold this object for long; what the answer needed is let go now.
    std::exchange(done_, nullptr)(std::move(text), *this);
}

std::string Exchange::body() {
    // A list of no tool calls has no parts.
    if (!parts_.empty() && !parts_.front().whole.empty()) return std::move(parts_.front().whole);
    if (event_->kind != EventKind::tool_calls) return std::move(parts_.front().answers.front());
    std::vector<std::string> results(event_->tool_calls.size());
    for (Part& part : parts_)
        for (std::size_t i = 0; i < part.tool_calls.size(); ++i)
            results[static_cast<std::size_t>(part.tool_calls[i] - event_->tool_calls.data())] =
                std::move(part.answers[i]);
    return tool_results(event_->dialect, event_->tool_calls, results);
}

// Empty: none, or several.
std::string_view Exchange::tool_of(const Part& part) {
    return part.tool_calls.size() == 1 ? part.tool_calls.front()->name : std::string_view();
}

Result<std::string> Exchange::shape(const Part& part, std::string_view reply) const {
    return part.tool_calls.empty() ? assistant_reply(event_->dialect, reply)
                                   : tool_result(event_->dialect, reply);
}

std::string Exchange::account() const {
    std::string json = "[";
    const auto text = [&](std::string_view key, std::string_view value) {
        json.append(json.back() == '{' ? "\"" : ",\"").append(key).append("\":");
        value.empty() ? void(json += "null") : append_json_string(json, value);
    };
    for (const Part& part : parts_) {
        json += json.size() > 1 ? ",{" : "{";
        text("id", part.id);
        text("tool", tool_of(part));
        text("handler", part.route ? std::string_view(part.route->settings.handler) : std::string_view());
        text("by", part.by);
        json += fmt::format(",\"ms\":{}", part.ms);
        text("why", part.why);
        json += '}';
    }
    return json + ']';
}

// Protocol 3.1: an empty object lets the platform use the saved configuration.
std::string Exchange::built_in(const Part& part) const {
    if (part.tool_calls.empty()) return "{}";
    return shape(part, kUnavailable).value();
}

}  // namespace hookswitch
