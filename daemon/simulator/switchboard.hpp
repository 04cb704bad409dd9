#pragma once

// What the REST side of the local platform asks of its telephone side. One implementation
// (call_player.*), which itself asks RestApi; an interface because the REST side is tested without playing
// calls.

#include "daemon/core/call_command.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::simulator {

/// POST /calls/outbound, checked and resolved; also what a campaign dials.
struct Dial {
    std::string destination;          // E.164
    std::optional<std::string> from;  // own number; nullopt: any
    std::optional<std::string> number_id, agent_id, agent_name, business_name;
    std::string assistant;  // resolved configuration: a JSON object (with metadata, if any)
    std::optional<std::string> webhook_url, webhook_secret;  // of the assistant; nullopt: the account's
    std::optional<std::vector<std::string>> webhook_events;  // of the assistant; nullopt: all of them
    std::optional<std::string> first_message, context;
};

enum class ControlResult { sent, not_found, not_active };

class Switchboard {
public:
    virtual ~Switchboard() = default;

    /// Starts ringing; returns the call's id ("call-outbound-..." or a UUID, as configured).
    virtual std::string dial(Dial dial) = 0;

    /// A command for a running call. `not_active`: its status is not in-progress (protocol section 4).
    virtual ControlResult control(std::string_view call, const CallCommand& command) = 0;

    /// Calls that are running now, for GET /organizations.
    virtual std::size_t active_calls() const = 0;
};

}  // namespace hookswitch::simulator
