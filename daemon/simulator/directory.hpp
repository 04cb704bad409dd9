#pragma once

// What the telephone side of the local platform asks of its REST side: who answers at a number, and
// what a saved assistant is. An interface, as Switchboard is, so that calls are tested without REST.
//
// Source: Flireo protocol reference, 2.3 (where webhooks go), 3.1 (hybrid answers), 7.1, 7.3 and 7.11.

#include "daemon/simulator/call_log.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::simulator {

/// A saved agent/assistant, as calls need it.
struct Assistant {
    std::string id, name;
    std::optional<std::string> business_name;
    std::string config;  // a JSON object: what is echoed as `message.assistant` (no webhook, no secret)
    std::optional<std::string> webhook_url, webhook_secret;  // nullopt: the account's
    std::optional<std::vector<std::string>> webhook_events;  // nullopt: all of them
};

/// One of the organization's numbers, and who answers there.
struct Line {
    std::string number;  // E.164
    std::string id;
    std::optional<std::string> name;     // display name
    std::optional<Assistant> assistant;  // nullopt: none is linked, or it is not active
};

class Directory {
public:
    virtual ~Directory() = default;

    /// nullopt: not one of the organization's numbers (an account's webhook may still be asked).
    virtual std::optional<Line> line(std::string_view called) const = 0;

    /// Of an `assistant_id` in the answer to an assistant-request; nullopt: unknown.
    virtual std::optional<Assistant> assistant(std::string_view id) const = 0;

    /// Every number, in order of creation: for load without a scenario, and for outbound calls.
    virtual std::vector<Line> lines() const = 0;

    /// Called once for every call that has ended, of whatever direction: usage and campaigns' leads.
    virtual void on_ended(const CallRecord& call) = 0;
};

}  // namespace hookswitch::simulator
