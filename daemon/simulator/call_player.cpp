// How calls begin, and what commands do to them.

#include "daemon/simulator/call_player.hpp"

#include "daemon/io/wall_clock.hpp"
#include "daemon/simulator/call_in_play.hpp"
#include "daemon/simulator/random_text.hpp"
#include "daemon/simulator/rest_api.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace hookswitch::simulator {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kPicksUpAfter = 100ms;  // who is dialled without a scenario

constexpr std::string_view kSavedAssistant = R"({"first_message":"Hello, how can I help you?"})";

std::shared_ptr<const Scenario> listening_person(std::chrono::milliseconds talk) {
    auto person = std::make_shared<Scenario>();
    person->name = "dialled";
    person->direction = "outbound";
    person->rings = kPicksUpAfter;
    Step listen;
    listen.kind = Step::Kind::wait;
    listen.time = talk;
    person->steps.push_back(listen);
    return person;
}

std::string assistant_of(const Scenario& scenario) {
    return scenario.assistant.empty() ? std::string(kSavedAssistant) : snake_assistant(scenario.assistant);
}

std::optional<std::string> numbered_or_none(const std::optional<std::string>& number, std::size_t n) {
    if (!number) return std::nullopt;
    return numbered(*number, n);
}

}  // namespace

// Protocol, 5.6: one id everywhere; a UUID (version 4) as webhooks show it, or what REST shows.
std::string CallPlayer::Impl::new_id(const CallRecord& record) {
    if (settings.ids == CallIds::rest)
        return record.direction == "outbound"
                   ? "call-outbound-" + random_token(random, 10)
                   : "call-_" + record.caller.value_or("web") + "_" + random_token(random, 8);
    return random_uuid(random);
}

CallPtr CallPlayer::Impl::begin(CallRecord record, std::shared_ptr<const Scenario> scenario) {
    record.id = new_id(record);
    record.created_at = record.updated_at = wall_now();
    CallRecord& kept = parts.log.add(std::move(record));
    auto call = std::make_shared<Call>(executor, kept);
    const bool outbound = kept.direction == "outbound";
    call->number = outbound ? kept.caller : kept.called;
    call->customer = outbound ? kept.called : kept.caller;
    call->number_name = scenario->number_name;
    call->dialect = settings.dialect.value_or(scenario->dialect.value_or(settings.usual));
    call->events = scenario->webhook_events;
    call->max_duration = scenario->max_duration;
    call->to = parts.account;
    call->scenario = std::move(scenario);
    active.emplace(kept.id, call);
    parts.report.call_started();
    return call;
}

/// What the organization has saved for the number that is called. A scenario's own assistant stands.
void CallPlayer::Impl::take_line(Call& call, CallRecord& record) {
    if (!directory || !record.called) return;
    const auto line = directory->line(*record.called);
    if (!line) return;
    record.number_id = line->id;
    if (line->name) call.number_name = line->name;
    if (!line->assistant) return;
    const Assistant& assistant = *line->assistant;
    record.agent_id = assistant.id;
    record.agent_name = assistant.name;
    record.business_name = assistant.business_name;
    if (call.scenario->assistant.empty())
        call.assistant = std::make_shared<const std::string>(snake_assistant(assistant.config));
    call.to = destination(parts.account, assistant.webhook_url, assistant.webhook_secret);
    if (assistant.webhook_events) call.events = *assistant.webhook_events;
}

/// `usual`, with what is given of another one. Which secret signs if only a URL is: not documented.
std::shared_ptr<const Destination> CallPlayer::Impl::destination(
    const std::shared_ptr<const Destination>& usual, const std::optional<std::string>& url,
    const std::optional<std::string>& secret) const {
    if (!url && !secret) return usual;
    Destination to;
    if (usual) to = *usual;
    if (url) {
        const auto parsed = parse_url(*url);
        if (!parsed) return usual;  // the platform would have refused to save it
        to.url = *parsed;
    } else if (!usual) {
        return nullptr;
    }
    if (secret) to.key = SigningKey(Secret(std::string(*secret)));
    return std::make_shared<const Destination>(std::move(to));
}

CallPlayer::CallPlayer(asio::any_io_executor executor, const PlaySettings& settings, Parts parts)
    : impl_(std::make_shared<Impl>(std::move(executor), settings, std::move(parts))) {
    if (!impl_->parts.dialled) impl_->parts.dialled = listening_person(settings.talk);
}

CallPlayer::~CallPlayer() = default;

void CallPlayer::use(RestApi& directory) { impl_->directory = &directory; }

std::string CallPlayer::play(std::shared_ptr<const Scenario> scenario, std::size_t number,
                             std::function<void()> settled) {
    CallRecord record;
    record.direction = scenario->direction;
    record.caller = numbered_or_none(scenario->caller, number);
    record.called = numbered_or_none(scenario->called, number);
    record.number_id = scenario->number_id;
    record.status = record.direction == "inbound"    ? "ringing"
                    : record.direction == "outbound" ? "dialing"
                                                     : "connecting";
    const auto rings = scenario->rings;
    auto call = impl_->begin(std::move(record), std::move(scenario));
    call->settled = std::move(settled);
    if (call->record->direction == "inbound") impl_->take_line(*call, *call->record);
    if (!call->assistant)
        call->assistant = std::make_shared<const std::string>(assistant_of(*call->scenario));
    impl_->ring(call, rings);
    return call->record->id;
}

std::string CallPlayer::dial(Dial dial) {
    CallRecord record;
    record.direction = "outbound";
    record.caller = std::move(dial.from);
    if (!record.caller && impl_->directory)
        if (const auto lines = impl_->directory->lines(); !lines.empty())
            record.caller = lines.front().number;
    if (!record.caller) record.caller = impl_->parts.dialled->caller;
    record.called = std::move(dial.destination);
    record.status = "dialing";
    record.number_id = std::move(dial.number_id);
    record.agent_id = std::move(dial.agent_id);
    record.agent_name = std::move(dial.agent_name);
    record.business_name = std::move(dial.business_name);
    record.room_name = "outbound-" + random_token(impl_->random, 8);
    auto call = impl_->begin(std::move(record), impl_->parts.dialled);
    call->to = impl_->destination(impl_->parts.account, dial.webhook_url, dial.webhook_secret);
    if (dial.webhook_events) call->events = *std::move(dial.webhook_events);
    std::string assistant = snake_assistant(dial.assistant);
    if (dial.first_message)
        assistant =
            merged_assistant(assistant, "{\"first_message\":" + json_string(*dial.first_message) + "}");
    call->assistant = std::make_shared<const std::string>(std::move(assistant));
    if (dial.context) impl_->said(*call, "system", *std::move(dial.context));
    impl_->ring(call, call->scenario->rings);
    return call->record->id;
}

std::size_t CallPlayer::active_calls() const {
    const auto running = [](const auto& entry) {
        return entry.second->phase == Call::Phase::ringing || entry.second->phase == Call::Phase::talking;
    };
    return static_cast<std::size_t>(std::ranges::count_if(impl_->active, running));
}

ControlResult CallPlayer::control(std::string_view id, const CallCommand& command) {
    const auto found = impl_->active.find(std::string(id));
    if (found == impl_->active.end())
        return impl_->parts.log.find(id) ? ControlResult::not_active : ControlResult::not_found;
    const CallPtr call = found->second;
    if (call->phase != Call::Phase::talking) return ControlResult::not_active;
    impl_->obey(call, command);
    return ControlResult::sent;
}

void CallPlayer::Impl::obey(const CallPtr& call, const CallCommand& command) {
    parts.report.commanded(command.type);
    narrate(*call, [&] { return "command " + std::string(name_of(command.type)) + " " + command.body; });
    const auto message = text_member_of(command.body, "message");
    switch (command.type) {
        case CallCommand::Type::say:
            said(*call, "assistant", text_member_of(command.body, "content").value_or(""));
            if (command.body.find("\"end_after\":true") != std::string::npos)
                return end(call, "ended", "assistant_hangup");
            break;
        case CallCommand::Type::inject_context:
            said(*call, "system", text_member_of(command.body, "content").value_or(""));
            break;
        case CallCommand::Type::end_call:
            if (message) said(*call, "assistant", *message);
            return end(call, "ended", "assistant_hangup");
        case CallCommand::Type::transfer:
            if (message) said(*call, "assistant", *message);
            call->record->transferred_to = text_member_of(command.body, "destination");
            return end(call, "transferred", "transferred");
    }
    const bool fits =
        call->awaited && (call->awaited->text.empty() || call->awaited->text == name_of(command.type));
    if (!fits) return call->unclaimed.push_back(command.type);
    call->awaited = nullptr;
    at(call, Clock::now(), [this, call] { go_on(call); });
}

}  // namespace hookswitch::simulator
