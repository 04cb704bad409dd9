#pragma once

// How the local platform plays calls: at whom, which, how many, and what goes wrong on purpose.
//
// Source of the defaults: Flireo protocol reference, section 12.

#include "daemon/core/url.hpp"
#include "daemon/simulator/webhook_body.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace hookswitch::simulator {

enum class SignatureStyle { prefixed, bare, none, wrong };  // "sha256=<hex>", "<hex>", no header, not ours

enum class CallIds { uuid, rest };  // rest: "call-_+31612345678_<random>", "call-outbound-<random>"

/// Probabilities, 0 to 1, for each delivery.
struct DeliveryFaults {
    double duplicate = 0;  // the same bytes are sent once more
    double reorder = 0;    // told-only: sent after the next delivery of the call (or a second later)
    double drop = 0;       // never sent; waited-for: as if nobody had answered in time
    double delay = 0;
    std::chrono::milliseconds delay_by{0};
    double wrong_signature = 0;  // a forged copy goes first; whoever takes it is at fault
};

struct PlaySettings {
    std::optional<Url> to;              // the account's webhook; none: only assistants' own
    std::filesystem::path secret_file;  // of that webhook; empty: not signed
    std::filesystem::path ca_file;      // PEM, instead of the system's authorities; empty: those

    std::vector<std::string> scenarios;        // names or files, in turn
    std::filesystem::path scenario_directory;  // where names are looked up first; empty: nowhere special
    std::size_t calls = 0;                     // 0: each scenario once
    std::size_t concurrent = 0;                // 0: one after another, with `calls` 100 at once
    std::optional<double> rate;                // calls started a second; nullopt: as `concurrent` allows
    double speed = 1;                          // of call time: waits, ringing, limits of a call's length
    std::optional<WebhookDialect> dialect;     // instead of what scenarios say
    WebhookDialect usual;                      // where scenarios say nothing: that of the era
    SignatureStyle signature = SignatureStyle::prefixed;
    CallIds ids = CallIds::uuid;

    std::chrono::milliseconds assistant_limit{5'000};
    std::chrono::milliseconds tool_limit{10'000};
    std::chrono::milliseconds told_limit{30'000};  // not documented for the two told-only events
    bool reject_unusable = false;  // an assistant-request answered other than 2xx or not in JSON: reject

    std::size_t attempts = 1;  // of each delivery that fails
    std::chrono::milliseconds attempt_delay{1'000};

    std::chrono::milliseconds talk{30'000};  // how long people who are dialled without a scenario stay
    DeliveryFaults faults;
    std::uint64_t seed = 1;

    bool compare = false, json = false, stay = false;
    std::filesystem::path record;  // empty: no recording
};

}  // namespace hookswitch::simulator
