// How commands are sent: when, and what an answer means for the next ones.

#include "daemon/io/log.hpp"
#include "daemon/io/wall_clock.hpp"
#include "daemon/outbox.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;
using std::chrono::milliseconds;

// Nobody's clock or header makes us wait longer than a window.
constexpr milliseconds kLongestWait = RateBudget::kWindow;

// "Retry-After: 0" is no invitation to spend the budget on more refusals.
constexpr milliseconds kShortestWait{500};

}  // namespace

Result<> Outbox::use(const std::optional<PlatformSettings>& settings) {
    if (!settings) {
        client_.reset();
    } else {
        TRY(auto client, PlatformClient::make(home_, *settings));
        client_ = std::make_shared<PlatformClient>(std::move(client));
    }
    pump();
    return {};
}

void Outbox::pump() {
    const Time time = now();
    for (const QueuedCommand& late : queue_.expired(time))
        end(late, Outcome::expired, never_sent("it could not be sent within 30 s"));
    if (!client_) drop_all_without_platform();
    while (client_ && !abandoned_ && time >= paused_until_) {
        auto command = queue_.next(time);
        if (!command) break;
        send_now(*std::move(command));
    }
    metrics_.actions.pending.set(queue_.size() + queue_.in_flight());
    arm();
    stop_if_idle();
}

// One timer; it is moved only to an earlier time, and may find nothing.
void Outbox::arm() {
    const Time time = now();
    Time when = abandoned_ ? Time::max() : queue_.wake(time);
    if (time < paused_until_ && when != Time::max())
        when = std::min(paused_until_, time + std::chrono::seconds(1));
    if (when >= armed_) return;
    armed_ = when;
    timer_.expires_at(when);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& ec) {
        const auto self = weak.lock();
        if (ec || !self) return;
        self->armed_ = Time::max();
        self->pump();
    });
}

void Outbox::send_now(QueuedCommand command) {
    const auto flight = flights_.emplace(flights_.end());
    auto ended = [self = shared_from_this(), flight, command](const std::exception_ptr& thrown,
                                                              PlatformResult<std::string> result) mutable {
        self->flights_.erase(flight);
        if (thrown) {  // cancelled, which abandon() does
            PlatformError why;
            why.message = "given up";
            why.maybe_done = true;
            result = std::move(why);
        }
        self->answered(std::move(command), std::move(result));
    };
    asio::co_spawn(home_, request(client_, std::move(command)),
                   asio::bind_cancellation_slot(flight->slot(), std::move(ended)));
}

asio::awaitable<PlatformResult<std::string>> Outbox::request(std::shared_ptr<PlatformClient> client,
                                                             QueuedCommand command) {
    PlatformClient::Request request;
    request.method = "POST";
    request.path = "/calls/" + path_segment(command.call).value() + "/control";
    request.body = command.command.body;
    request.until = command.expires;
    request.retry_rate_limited = false;
    PlatformClient::RateLimitSeen seen = [this, id = command.call](const PlatformClient::RateLimit& limit) {
        note(id, limit);
    };
    auto reply = co_await client->send(std::move(request), std::move(seen));
    if (!reply) co_return reply.error();
    co_return std::move(reply->body);
}

void Outbox::answered(QueuedCommand command, PlatformResult<std::string> result) {
    const bool in_time = now() < command.expires && !abandoned_;
    if (!result && in_time && may_repeat(command.call, result.error())) {
        queue_.put_back(std::move(command));
        return pump();
    }
    queue_.done(command.call);
    if (result) {
        reach_again_.reset();
        end(command, Outcome::sent, result);
        using enum CallCommand::Type;
        if (command.command.type == end_call || command.command.type == transfer) drop_rest(command.call);
    } else if (abandoned_ && !result.error().maybe_done) {
        leave(std::move(command));
    } else if (result.error().expired || (result.error().status == 429)) {
        end(command, Outcome::expired, result);
    } else {
        const int status = result.error().status;
        end(command, status >= 400 && status < 500 ? Outcome::refused : Outcome::failed, result);
    }
    pump();
}

// True where nothing can have happened: then it may go once more within its time. (A POST that got no
// answer, or a 5xx, may have been carried out: protocol 6.4.)
bool Outbox::may_repeat(const std::string& call, const PlatformError& why) {
    if (why.status == 429) {
        metrics_.actions.rate_limited.add();
        log::info("action.rate_limited", kv("call", call), kv("why", why.what()));
        hold_back(call, why);
        return true;
    }
    if (why.status != 0 || why.maybe_done || why.expired) return false;
    // Others that were in flight have seen the same; one line and one step of the back-off for all.
    if (now() < paused_until_) return true;
    paused_until_ = now() + reach_again_.next(0.5);
    log::warn("platform.unreachable", kv("call", call), kv("why", why.what()));
    return true;
}

// Which of the two limits an answer tells of is not marked. That of a call is the smaller one.
void Outbox::note(const std::string& call, const PlatformClient::RateLimit& limit) {
    const milliseconds wait = std::chrono::duration_cast<milliseconds>(limit.reset - wall_now());
    const Time reset = now() + std::clamp(wait, milliseconds(0), kLongestWait);
    if (limit.limit <= queue_.call_limit())
        return queue_.call_budget(call).seen(limit.limit, limit.remaining, reset, 0);
    const auto others = static_cast<std::int64_t>(queue_.in_flight()) - 1;
    queue_.key_budget().seen(limit.limit, limit.remaining, reset, others);
}

// After note() has seen the answer's header fields: the key is out of budget if they said so.
void Outbox::hold_back(const std::string& call, const PlatformError& why) {
    const Time time = now();
    const auto wait = std::clamp(why.retry_after.value_or(milliseconds(1000)), kShortestWait, kLongestWait);
    RateBudget& key = queue_.key_budget();
    (key.next(time) > time ? key : queue_.call_budget(call)).exhausted(time + wait);
}

}  // namespace hookswitch
