#pragma once

// One call while it is played, and the player's inside. For call_player.cpp, call_course.cpp and
// call_tools.cpp only.

#include "daemon/simulator/call_player.hpp"
#include "daemon/simulator/expectation.hpp"
#include "daemon/simulator/webhook_answer.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hookswitch::simulator {

using Clock = std::chrono::steady_clock;

struct Call {
    enum class Phase { ringing, talking, over, settled };

    Call(boost::asio::any_io_executor executor, CallRecord& its) : record(&its), timer(std::move(executor)) {}

    CallRecord* record;  // valid until the call is settled
    std::shared_ptr<const Scenario> scenario;
    WebhookDialect dialect;
    std::shared_ptr<const Destination> to;         // null: nobody is told
    std::vector<std::string> events;               // empty: all
    std::shared_ptr<const std::string> assistant;  // configuration, spelled in snake
    std::optional<std::string> number, number_name, customer;
    std::optional<std::chrono::milliseconds> max_duration;

    Phase phase = Phase::ringing;
    std::size_t step = 0;
    // What the call waits for is void as soon as this has moved on.
    std::uint64_t turn = 0;
    boost::asio::steady_timer timer;
    Clock::time_point connected;
    std::chrono::milliseconds skipped{0};  // call time that did not really pass
    std::optional<Clock::time_point> limit;

    const Step* awaited = nullptr;             // a command
    std::vector<CallCommand::Type> unclaimed;  // commands that no step has waited for yet
    std::size_t tools_out = 0;                 // events with tool calls that are waited for
    Played played;
    std::vector<std::string> troubles;  // besides what the expectations find
    std::function<void()> settled;
};

using CallPtr = std::shared_ptr<Call>;

struct CallPlayer::Impl : std::enable_shared_from_this<CallPlayer::Impl> {
    Impl(boost::asio::any_io_executor e, const PlaySettings& s, CallPlayer::Parts p)
        : executor(std::move(e)), settings(s), parts(std::move(p)), random(std::random_device{}()) {}

    boost::asio::any_io_executor executor;
    const PlaySettings settings;
    CallPlayer::Parts parts;
    RestApi* directory = nullptr;  // whose numbers and assistants there are; null: none
    std::mt19937_64 random;        // ids must not come again with the next run, whatever the seed
    std::unordered_map<std::string, CallPtr> active;

    // call_player.cpp: how calls begin, commands.
    std::string new_id(const CallRecord& record);
    CallPtr begin(CallRecord record, std::shared_ptr<const Scenario> scenario);
    void take_line(Call& call, CallRecord& record);
    std::shared_ptr<const Destination> destination(const std::shared_ptr<const Destination>& usual,
                                                   const std::optional<std::string>& url,
                                                   const std::optional<std::string>& secret) const;
    void obey(const CallPtr& call, const CallCommand& command);

    // call_course.cpp: from ringing to the report.
    void ring(const CallPtr& call, std::chrono::milliseconds how_long);
    void ask(const CallPtr& call);
    void configure(const CallPtr& call, const DeliveryOutcome& outcome);
    void apply(const CallPtr& call, const AssistantAnswer& answer);
    void connect(const CallPtr& call);
    void go_on(const CallPtr& call);
    void end(const CallPtr& call, std::string status, std::string reason,
             std::optional<std::string> error = std::nullopt);
    void send_report(const CallPtr& call);
    void settle(const CallPtr& call);

    // call_tools.cpp
    /// False: nothing of it is waited for.
    bool use_tools(const CallPtr& call, const Step& step);
    void send_tools(const CallPtr& call, std::vector<ToolUse> uses, std::shared_ptr<const Destination> to,
                    bool waited_for);
    void tools_answered(const CallPtr& call, const std::vector<ToolUse>& uses,
                        const DeliveryOutcome& outcome);

    // Both.
    void said(Call& call, std::string_view role, std::string text);
    template <class Line>
    void narrate(const Call& call, Line line) const {  // a load test has no time for lines that nobody reads
        if (parts.narrate) parts.narrate(*call.record, line());
    }
    CallFacts facts(const Call& call) const;
    bool is_listed(const Call& call, EventKind kind) const;
    bool wants(const Call& call, EventKind kind) const { return call.to && is_listed(call, kind); }
    std::chrono::milliseconds duration(const Call& call) const;
    Clock::duration real(std::chrono::milliseconds of_the_call) const;
    /// `then` runs at `when` unless the call's turn has moved on.
    void at(const CallPtr& call, Clock::time_point when, std::function<void()> then);
    /// The same while people talk: the call's time limit may come first.
    void talk_until(const CallPtr& call, Clock::time_point when, std::function<void()> then);
    /// Sends a told-only event; `then` runs when it is answered, or a second later.
    void tell(const CallPtr& call, EventKind kind, std::string body, std::function<void()> then);
};

}  // namespace hookswitch::simulator
