// What is asked for, and what becomes of it. How it is sent is in outbox_send.cpp.

#include "daemon/outbox.hpp"

#include "daemon/io/log.hpp"
#include "daemon/io/wall_clock.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;
using std::chrono::milliseconds;

struct OutcomeNames {
    ActionOutcome outcome;
    const char* state;  // in the journal
    const char* line;   // in the log
};

constexpr std::array kOutcomes{
    OutcomeNames{ActionOutcome::sent, "sent", "action.sent"},
    OutcomeNames{ActionOutcome::refused, "refused", "action.refused"},
    OutcomeNames{ActionOutcome::failed, "failed", "action.failed"},
    OutcomeNames{ActionOutcome::expired, "expired", "action.expired"},
    OutcomeNames{ActionOutcome::dropped, "dropped", "action.dropped"},
};

const OutcomeNames& names_of(ActionOutcome outcome) {
    return *std::ranges::find(kOutcomes, outcome, &OutcomeNames::outcome);
}

constexpr const char* kNoPlatform = "there is no [platform] in the configuration";

// What no answer of the platform is needed for. Ids of calls have some 40 bytes.
std::optional<PlatformError> mistake_in_id(const std::string& call) {
    constexpr std::size_t kLongestId = 512;
    PlatformError error;
    error.status = 400;
    if (call.size() > kLongestId)
        error.message = "the call's id is longer than " + std::to_string(kLongestId) + " bytes";
    else if (const auto segment = path_segment(call); !segment)
        error.message = "the call's id: " + segment.error().what();
    if (error.message.empty()) return std::nullopt;
    return error;
}

CommandRecord record_of(const CommandOrder& order, Milliseconds at) {
    return {order.call,        order.event, order.by, at, std::string(name_of(order.command.type)),
            order.command.body};
}

}  // namespace

std::vector<CommandOrder> orders_of_handler(const std::string& handler, std::string_view call,
                                            std::vector<CallCommand> commands, const std::string& event) {
    std::vector<CommandOrder> orders;
    for (CallCommand& command : commands)
        orders.push_back({std::string(call), std::move(command), "handler " + handler, event});
    return orders;
}

Outbox::Outbox(asio::any_io_executor home, Journal* journal, Metrics& metrics, Realtime realtime)
    : home_(std::move(home)),
      journal_(journal),
      metrics_(metrics),
      realtime_(std::move(realtime)),
      timer_(home_),
      reach_again_(std::chrono::seconds(1), std::chrono::seconds(8)),
      realtime_warnings_(5, std::chrono::minutes(1)),
      born_(wall_now()) {}

// ---- what is asked for

void Outbox::store(std::vector<CommandOrder> orders, const asio::any_io_executor& executor, Stored stored) {
    if (!journal_) return stored(std::move(orders), {});
    std::vector<CommandRecord> records;
    const Milliseconds at = wall_now();
    for (const CommandOrder& order : orders) records.push_back(record_of(order, at));
    auto done = [orders = std::move(orders), stored = std::move(stored)](Result<Numbers> numbers) mutable {
        if (!numbers) log::warn("action.not_journaled", kv("why", numbers.error().what()));
        stored(std::move(orders), numbers ? *std::move(numbers) : Numbers());
    };
    journal_->append(std::move(records), executor, std::move(done));
}

void Outbox::post(std::vector<CommandOrder> orders, const asio::any_io_executor& executor,
                  std::function<void()> stored) {
    store(std::move(orders), executor,
          [self = shared_from_this(), asked = now(), stored = std::move(stored)](auto kept, auto numbers) {
              stored();
              auto take = [self, asked, kept = std::move(kept), numbers = std::move(numbers)]() mutable {
                  for (std::size_t i = 0; i < kept.size(); ++i)
                      self->enqueue(std::move(kept[i]), i < numbers.size() ? numbers[i] : 0, asked, nullptr);
                  self->pump();
              };
              asio::post(self->home_, std::move(take));
          });
}

void Outbox::send(CommandOrder order, Done done) {
    std::vector<CommandOrder> one;
    one.push_back(std::move(order));
    store(std::move(one), home_,
          [self = shared_from_this(), asked = now(), done = std::move(done)](auto kept, auto numbers) {
              self->enqueue(std::move(kept.front()), numbers.empty() ? 0 : numbers.front(), asked, done);
              self->pump();
          });
}

// What is too old by now is said to be so; it is never sent.
void Outbox::resume(std::vector<OpenCommand> commands) {
    const Milliseconds wall = wall_now();
    for (OpenCommand& open : commands) {
        const auto type = command_named(open.type);
        if (!type || open.at >= born_) continue;
        CommandOrder order{std::move(open.call), CallCommand{*type, std::move(open.body)}, std::move(open.by),
                           std::move(open.event)};
        const auto age = std::max(wall - open.at, milliseconds(0));
        enqueue(std::move(order), open.n, now() - age, nullptr);
    }
    pump();
}

void Outbox::enqueue(CommandOrder order, std::int64_t n, Time asked, Done done) {
    warn_of_realtime(order);
    QueuedCommand command{next_number_++, std::move(order.call), std::move(order.command),
                          asked + kTimeToLive};
    entries_[command.number] = {n,     std::move(order.by), std::move(order.event), command.command.type,
                                asked, std::move(done)};
    if (stopping_ && !stopped_) return leave(std::move(command));
    if (auto mistake = mistake_in_id(command.call)) return end(command, Outcome::refused, *mistake);
    if (!client_) return end(command, Outcome::dropped, never_sent(kNoPlatform));
    if (!queue_.add(command))
        end(command, Outcome::dropped, never_sent("too many commands are waiting to be sent"));
}

// Protocol section 4, the table of realtime models.
void Outbox::warn_of_realtime(const CommandOrder& order) {
    using enum CallCommand::Type;
    if (order.command.type == end_call || !realtime_ || !realtime_(order.call).value_or(false)) return;
    const bool announced = order.command.body.find("\"message\":") != std::string::npos;
    if (order.command.type == transfer && !announced) return;
    const auto held_back = realtime_warnings_.pass(now());
    if (!held_back) return;
    const std::string_view why = order.command.type == say        ? "is unreliable, and may produce no speech"
                                 : order.command.type == transfer ? "may be carried out without its message"
                                                                  : "may not influence the answers";
    log::warn("action.realtime", kv("call", order.call), kv("type", name_of(order.command.type)),
              kv("by", order.by), kv("why", "with a realtime model it " + std::string(why)),
              kv("suppressed", *held_back));
}

// ---- what becomes of it

void Outbox::end(const QueuedCommand& command, Outcome outcome, const PlatformResult<std::string>& result) {
    const auto found = entries_.find(command.number);
    Entry entry = std::move(found->second);
    entries_.erase(found);
    const auto took = now() - entry.asked;
    auto& counts = metrics_.actions.ended[static_cast<std::size_t>(entry.type)];
    counts[static_cast<std::size_t>(outcome)].add();
    const auto& names = names_of(outcome);
    const std::string why = result ? std::string() : result.error().what();
    if (result) {
        metrics_.actions.seconds.observe(took);
        log::info(names.line, kv("call", command.call), kv("type", name_of(entry.type)), kv("by", entry.by),
                  kv("id", entry.event), kv("ms", std::chrono::duration<double, std::milli>(took).count()));
    } else {
        log::warn(names.line, kv("call", command.call), kv("type", name_of(entry.type)), kv("by", entry.by),
                  kv("id", entry.event), kv("why", why));
    }
    if (journal_ && entry.n > 0)
        journal_->ended({entry.n, wall_now(), names.state, result ? 200 : result.error().status, why});
    if (entry.done) asio::post(home_, [done = std::move(entry.done), result] { done(result); });
}

void Outbox::drop_all_without_platform() {
    for (const QueuedCommand& command : queue_.drop_all())
        end(command, Outcome::dropped, never_sent(kNoPlatform));
}

// An ended call takes no more commands; the platform would refuse them one by one.
void Outbox::drop_rest(const std::string& call) {
    for (const QueuedCommand& command : queue_.drop(call))
        end(command, Outcome::dropped, never_sent("the command before it ended the call"));
}

// ---- stop

void Outbox::stop(std::function<void()> done) {
    stopping_ = true;
    stopped_ = std::move(done);
    pump();
}

void Outbox::abandon() {
    abandoned_ = true;
    for (auto& flight : flights_) flight.emit(asio::cancellation_type::terminal);
}

// With a journal the next start takes it up again, if that is soon enough.
void Outbox::leave(QueuedCommand command) {
    const auto found = entries_.find(command.number);
    if (!journal_ || found->second.n == 0)
        return end(command, Outcome::dropped, never_sent("the daemon is being stopped"));
    if (found->second.done) {
        auto error =
            never_sent("the daemon is being stopped; its next start sends it if that is soon enough");
        asio::post(home_, [done = std::move(found->second.done), error] { done(error); });
    }
    entries_.erase(found);
}

void Outbox::stop_if_idle() {
    if (!stopped_ || queue_.in_flight() > 0) return;
    for (QueuedCommand& command : queue_.drop_all()) leave(std::move(command));
    timer_.cancel();
    client_.reset();
    std::exchange(stopped_, nullptr)();
}

}  // namespace hookswitch
