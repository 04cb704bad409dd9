#pragma once

// What the telephone side of the local platform is told by its REST side (RestApi): who answers at a
// number, and what a saved assistant is.
//
// Source: Flireo protocol reference, 2.3 (where webhooks go), 3.1 (hybrid answers), 7.1, 7.3 and 7.11.

#include <optional>
#include <string>
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

}  // namespace hookswitch::simulator
