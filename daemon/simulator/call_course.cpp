// The course of a call: ringing, asking for the assistant, talking, its end and the report.

#include "daemon/io/wall_clock.hpp"
#include "daemon/simulator/call_in_play.hpp"
#include "daemon/simulator/rest_api.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace hookswitch::simulator {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using How = DeliveryOutcome::How;

constexpr auto kPatience = 1s;       // with a receiver that is slow to take a told-only event
constexpr auto kSavedLimit = 10min;  // of a call, where nothing else says one but a step needs it

double ms(Clock::duration took) { return std::chrono::duration<double, std::milli>(took).count(); }

bool awaits(const Step& step, CallCommand::Type type) {
    return step.text.empty() || step.text == name_of(type);
}

std::string first_words(const std::vector<TranscriptLine>& lines) {
    const auto user = std::ranges::find(lines, "user", &TranscriptLine::role);
    return user == lines.end() ? std::string("The caller said nothing.")
                               : "The caller said: " + user->content;
}

}  // namespace

// ---- what all of it uses ----------------------------------------------------------------------------

void CallPlayer::Impl::said(Call& call, std::string_view role, std::string text) {
    call.record->updated_at = wall_now();
    narrate(call, [&] { return std::string(role) + ": " + text; });
    call.record->messages.push_back({std::string(role), std::move(text)});
}

CallFacts CallPlayer::Impl::facts(const Call& call) const {
    const CallRecord& record = *call.record;
    CallFacts facts;
    facts.dialect = call.dialect;
    facts.at = wall_now();
    facts.id = record.id;
    facts.direction = record.direction;
    facts.status = record.status;
    facts.pipeline = call.scenario->pipeline;
    facts.number = call.number;
    facts.number_name = call.number_name;
    facts.number_id = record.number_id;
    facts.customer = call.customer;
    facts.assistant = *call.assistant;
    return facts;
}

bool CallPlayer::Impl::is_listed(const Call& call, EventKind kind) const {
    return call.events.empty() || std::ranges::find(call.events, name_of(kind)) != call.events.end();
}

std::chrono::milliseconds CallPlayer::Impl::duration(const Call& call) const {
    if (!call.record->started_at) return 0ms;
    const std::chrono::duration<double, std::milli> passed = Clock::now() - call.connected;
    return call.skipped +
           std::chrono::milliseconds(static_cast<std::int64_t>(passed.count() * settings.speed));
}

Clock::duration CallPlayer::Impl::real(std::chrono::milliseconds of_the_call) const {
    return std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double, std::milli>(static_cast<double>(of_the_call.count()) / settings.speed));
}

void CallPlayer::Impl::at(const CallPtr& call, Clock::time_point when, std::function<void()> then) {
    const auto turn = ++call->turn;
    call->timer.expires_at(when);
    call->timer.async_wait(
        [self = shared_from_this(), call, turn, then = std::move(then)](const boost::system::error_code& ec) {
            if (!ec && call->turn == turn) then();
        });
}

void CallPlayer::Impl::talk_until(const CallPtr& call, Clock::time_point when, std::function<void()> then) {
    if (!call->limit || when < *call->limit) {
        if (when != Clock::time_point::max()) return at(call, when, std::move(then));
        ++call->turn;
        return;
    }
    at(call, *call->limit, [this, call] { end(call, "ended", "max_duration"); });
}

void CallPlayer::Impl::tell(const CallPtr& call, EventKind kind, std::string body,
                            std::function<void()> then) {
    if (!wants(*call, kind)) return then();
    at(call, Clock::now() + kPatience, then);
    ++call->played.deliveries;
    Delivery delivery;
    delivery.kind = kind;
    delivery.call = call->record->id;
    delivery.body = std::move(body);
    delivery.to = call->to;
    parts.sender.send(std::move(delivery), [self = shared_from_this(), call, turn = call->turn,
                                            then = std::move(then)](const DeliveryOutcome&) {
        if (call->turn != turn) return;
        ++call->turn;
        call->timer.cancel();
        then();
    });
}

// ---- the beginning ----------------------------------------------------------------------------------

void CallPlayer::Impl::ring(const CallPtr& call, std::chrono::milliseconds how_long) {
    const CallRecord& record = *call->record;
    narrate(*call, [&] {
        return fmt::format("{} call from {} to {} ({})", record.direction, record.caller.value_or("-"),
                           record.called.value_or("-"), call->scenario->name);
    });
    at(call, Clock::now() + real(how_long), [this, call] {
        // Not documented for calls of other directions (protocol, 3.1).
        const bool asks = call->record->direction == "inbound" && wants(*call, EventKind::assistant_request);
        if (asks)
            ask(call);
        else
            connect(call);
    });
}

void CallPlayer::Impl::ask(const CallPtr& call) {
    ++call->played.deliveries;
    Delivery delivery;
    delivery.kind = EventKind::assistant_request;
    delivery.call = call->record->id;
    delivery.body = assistant_request_body(facts(*call));
    delivery.to = call->to;
    parts.sender.send(std::move(delivery),
                      [self = shared_from_this(), call, turn = ++call->turn](const DeliveryOutcome& outcome) {
                          if (call->turn == turn) self->configure(call, outcome);
                      });
}

void CallPlayer::Impl::configure(const CallPtr& call, const DeliveryOutcome& outcome) {
    call->played.reply = outcome.body;
    auto answer = read_assistant_answer(outcome.body);
    const bool usable = outcome.how == How::answered && answer;
    if (!usable) {
        // Too late is documented: the saved configuration. What else can go wrong is not (protocol, 2.4).
        const bool in_time = outcome.how != How::late && outcome.how != How::dropped;
        answer = AssistantAnswer();
        if (in_time && settings.reject_unusable) answer->kind = AssistantAnswer::Kind::rejected;
    }
    call->played.configuration = name_of(answer->kind);
    parts.report.configured(usable ? name_of(answer->kind) : "unanswered");
    narrate(*call, [&] {
        return fmt::format("assistant-request: {} in {:.1f} ms: {}",
                           usable ? std::to_string(outcome.status) : "no usable answer", ms(outcome.took),
                           call->played.configuration);
    });
    apply(call, *answer);
}

void CallPlayer::Impl::apply(const CallPtr& call, const AssistantAnswer& answer) {
    if (answer.kind == AssistantAnswer::Kind::rejected) {
        if (!answer.error.empty()) said(*call, "assistant", answer.error);
        return end(call, "rejected", "rejected");
    }
    if (!answer.assistant_id.empty() && directory) {
        if (const auto saved = directory->assistant(answer.assistant_id)) {
            call->record->agent_id = saved->id;
            call->record->agent_name = saved->name;
            call->assistant = std::make_shared<const std::string>(snake_assistant(saved->config));
        } else {
            call->troubles.push_back("assistant_id: there is no assistant " + answer.assistant_id);
        }
    }
    if (!answer.changes.empty())
        call->assistant =
            std::make_shared<const std::string>(merged_assistant(*call->assistant, answer.changes));
    if (answer.max_duration) call->max_duration = answer.max_duration;
    call->to = destination(call->to, answer.webhook_url, answer.webhook_secret);
    if (answer.webhook_events) call->events = *answer.webhook_events;
    connect(call);
}

void CallPlayer::Impl::connect(const CallPtr& call) {
    CallRecord& record = *call->record;
    call->phase = Call::Phase::talking;
    call->connected = Clock::now();
    if (call->max_duration) call->limit = call->connected + real(*call->max_duration);
    record.status = "in-progress";
    record.started_at = record.updated_at = wall_now();
    if (auto greeting = text_member_of(*call->assistant, "first_message"); greeting && !greeting->empty())
        said(*call, "assistant", *std::move(greeting));
    tell(call, EventKind::status_update, status_update_body(facts(*call), std::nullopt, std::nullopt),
         [this, call] { go_on(call); });
}

// ---- talking ----------------------------------------------------------------------------------------

void CallPlayer::Impl::go_on(const CallPtr& call) {
    const auto& steps = call->scenario->steps;
    const auto again = [this, call] { go_on(call); };
    while (call->step < steps.size()) {
        const Step& step = steps[call->step++];
        switch (step.kind) {
            case Step::Kind::user:
            case Step::Kind::assistant:
                said(*call, step.kind == Step::Kind::user ? "user" : "assistant", step.text);
                break;
            case Step::Kind::tools:
                if (use_tools(call, step)) return talk_until(call, Clock::time_point::max(), nullptr);
                break;
            case Step::Kind::wait: return talk_until(call, Clock::now() + real(step.time), again);
            case Step::Kind::await: {
                const auto came = std::ranges::find_if(
                    call->unclaimed, [&](CallCommand::Type type) { return awaits(step, type); });
                if (came != call->unclaimed.end()) {
                    call->unclaimed.erase(came);
                    break;
                }
                call->awaited = &step;
                return talk_until(call, Clock::now() + step.time, [this, call] {
                    call->troubles.push_back(fmt::format("step {}: no command came in time", call->step));
                    call->awaited = nullptr;
                    go_on(call);
                });
            }
            case Step::Kind::hangup: return end(call, "ended", "user_hangup");
            case Step::Kind::max_duration: {
                const auto limit = call->max_duration.value_or(kSavedLimit);
                call->skipped += std::max(0ms, limit - duration(*call));
                return end(call, "ended", "max_duration");
            }
            case Step::Kind::error: return end(call, "ended-with-error", "error", step.text);
        }
    }
    end(call, "ended", "user_hangup");
}

// ---- the end ----------------------------------------------------------------------------------------

void CallPlayer::Impl::end(const CallPtr& call, std::string status, std::string reason,
                           std::optional<std::string> error) {
    ++call->turn;  // what was waited for no longer matters
    call->timer.cancel();
    call->phase = Call::Phase::over;
    CallRecord& record = *call->record;
    const Scenario& scenario = *call->scenario;
    record.status = std::move(status);
    record.end_reason = std::move(reason);
    record.error = std::move(error);
    record.ended_at = record.started_at ? *record.started_at + duration(*call) : wall_now();
    record.updated_at = wall_now();
    if (record.started_at) {
        record.summary = scenario.summary ? scenario.summary : first_words(record.messages);
        record.recording_url = scenario.recording_url;
        if (wants_analysis(*call->assistant, record.messages.size()))
            record.analysis = scenario.analysis.empty() ? "{}" : scenario.analysis;
    }
    parts.report.call_ended(record.status, *record.end_reason);
    narrate(*call, [&] {
        return record.transferred_to ? "transferred to " + *record.transferred_to
                                     : record.status + " (" + *record.end_reason + ")";
    });
    if (directory) directory->on_ended(record);
    tell(call, EventKind::status_update, status_update_body(facts(*call), record.error, record.end_reason),
         [this, call] {
             at(call, Clock::now() + real(call->scenario->report_after), [this, call] { send_report(call); });
         });
}

void CallPlayer::Impl::send_report(const CallPtr& call) {
    const CallRecord& record = *call->record;
    // Whether calls that were never connected have one is not documented (protocol, 3.4).
    if (!call->scenario->report.value_or(record.started_at.has_value())) return settle(call);
    ReportFacts report;
    if (record.started_at) report.duration = *record.ended_at - *record.started_at;
    report.summary = record.summary ? std::string_view(*record.summary) : "";
    report.end_reason = record.end_reason;
    report.recording_url = record.recording_url;
    report.started_at = record.started_at;
    report.ended_at = record.ended_at;
    report.analysis = record.analysis ? std::string_view(*record.analysis) : "";
    report.messages = &record.messages;
    tell(call, EventKind::end_of_call_report, report_body(facts(*call), report),
         [this, call] { settle(call); });
}

void CallPlayer::Impl::settle(const CallPtr& call) {
    ++call->turn;
    call->phase = Call::Phase::settled;
    CallRecord& record = *call->record;
    auto found = differences(call->scenario->expect, record, call->played);
    found.insert(found.end(), call->troubles.begin(), call->troubles.end());
    parts.report.call_settled(call->scenario->name + " " + record.id, found);
    for (const std::string& difference : found)
        narrate(*call, [&] { return "not as expected: " + difference; });
    record.settled = true;
    active.erase(record.id);
    if (call->settled) asio::post(executor, std::exchange(call->settled, nullptr));
}

}  // namespace hookswitch::simulator
