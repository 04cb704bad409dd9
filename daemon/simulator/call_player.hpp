#pragma once

// The telephone side of the local platform: calls that ring, ask the receiver what to say, use its tools,
// obey commands and end, with everything that the real platform would tell about them. Any number at once
// on one thread; a running call costs one timer and a few hundred bytes besides what is said in it.
//
// Source: Flireo protocol reference, 2.4 (time limits), 3 (events), 4 (call control), 5.5 (lifecycle).
//
//     ringing --assistant-request--> in-progress --steps, tool-calls, commands--> ended --> report
//                      \--error: spoken--> rejected
//
// Told-only events of a call go one after another: the next waits for the answer to the one before, but
// at most a second, because the real platform's callers do not wait for a slow receiver either.

#include "daemon/simulator/call_log.hpp"
#include "daemon/simulator/play_report.hpp"
#include "daemon/simulator/play_settings.hpp"
#include "daemon/simulator/scenario.hpp"
#include "daemon/simulator/switchboard.hpp"
#include "daemon/simulator/webhook_sender.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hookswitch::simulator {

class RestApi;

class CallPlayer final : public Switchboard {
public:
    /// What happens on a call, as a line for people to read.
    using Narrate = std::function<void(const CallRecord&, std::string_view line)>;

    struct Parts {
        CallLog& log;
        WebhookSender& sender;
        PlayReport& report;
        std::shared_ptr<const Destination> account;  // null: only assistants have webhooks
        std::shared_ptr<const Scenario> dialled;     // how people who are dialled behave; null: they listen
        Narrate narrate;                             // may be empty
    };

    /// All parts must outlive it.
    CallPlayer(boost::asio::any_io_executor executor, const PlaySettings& settings, Parts parts);
    ~CallPlayer() override;

    /// Whose numbers and assistants there are; it must outlive the calls. Without one there are none.
    void use(RestApi& directory);

    /// Starts a call; returns its id. `number` tells the calls of one scenario apart (see `numbered`).
    /// `settled` is called later, when the call is over and its report is out.
    std::string play(std::shared_ptr<const Scenario> scenario, std::size_t number,
                     std::function<void()> settled);

    std::string dial(Dial dial) override;
    ControlResult control(std::string_view call, const CallCommand& command) override;
    std::size_t active_calls() const override;

    struct Impl;

private:
    std::shared_ptr<Impl> impl_;
};

}  // namespace hookswitch::simulator
