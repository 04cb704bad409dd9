#pragma once

// All that the REST API of the local platform knows, and what an operation is given to work with.
// Inside of rest_*.cpp.

#include "daemon/core/platform_operations.hpp"
#include "daemon/simulator/call_log.hpp"
#include "daemon/simulator/object.hpp"
#include "daemon/simulator/random_text.hpp"
#include "daemon/simulator/rest_error.hpp"
#include "daemon/simulator/rest_settings.hpp"
#include "daemon/simulator/schema.hpp"
#include "daemon/simulator/switchboard.hpp"

#include <deque>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch::simulator {

struct UsageLog {
    std::string id, call_id;
    std::int64_t seconds = 0;
    std::optional<std::string> number, agent_name, business_name;
    bool web = false;
    Milliseconds created_at;
};

struct RestState {
    RestState(RestSettings given, CallLog& log)
        : settings(std::move(given)), calls(log), random(settings.seed) {}

    std::string new_id() { return random_uuid(random); }
    std::string new_token(std::size_t size) { return random_token(random, size); }

    RestSettings settings;
    CallLog& calls;
    Switchboard* switchboard = nullptr;
    std::mt19937_64 random;

    Collection assistants, tool_templates, analysis_templates, numbers, trunks, campaigns, workflows,
        mcp_servers, chats, organizations;                                    // those below the own one
    std::map<std::string, Collection> leads;                                  // of a campaign
    std::map<std::string, std::pair<std::string, std::string>> lead_of_call;  // call: campaign, lead

    std::map<std::string, std::string> byok_keys, byok_config;  // provider: secret id; JSON object
    std::optional<Object> domain;
    std::deque<UsageLog> usage;  // newest last

    std::string organization_id = "0b9f7b86-3a43-4f38-8a6e-5f3d1c1f0a01",
                organization_name = "Local platform";
    std::int64_t used_minutes = 0, content_days = 365, metadata_days = 730;
};

/// A request that may be answered: authenticated, within its limits, an operation of the era.
struct RestCall {
    std::vector<std::string> ids;  // of the path, decoded
    std::vector<std::pair<std::string, std::string>> query;
    simdjson::dom::object body;  // only where the operation has one
    bool has_body = false;
    std::string_view body_text;
    Milliseconds now;
    const PlatformOperation* operation = nullptr;

    std::string_view parameter(std::string_view name) const;  // empty: absent
};

/// What an operation answers: JSON.
struct RestDone {
    int status = 200;
    std::string body;
};
using RestOutcome = RestResult<RestDone>;

using RestFunction = RestOutcome (*)(RestState&, const RestCall&);

/// `{"success":true}` or 204, as set.
RestDone deleted(const RestState& state);

/// 201, or 200 as set.
RestDone created(const RestState& state, std::string body);

/// A member of the body that must be a string. `missing` or `invalid`.
RestResult<std::string> text_member(const RestCall& call, std::string_view name);

/// What an optional text member says; null and absent are the same here.
RestResult<std::optional<std::string>> optional_text(const RestCall& call, std::string_view name);

// ---- who has what: null if it is not theirs

RestFunction resource_function(std::string_view resource, std::string_view verb);      // rest_resource.cpp
RestFunction call_log_function(std::string_view resource, std::string_view verb);      // rest_calls.cpp
RestFunction call_control_function(std::string_view resource, std::string_view verb);  // rest_outbound.cpp
RestFunction lead_function(std::string_view resource, std::string_view verb);          // rest_campaigns.cpp
RestFunction provider_function(std::string_view resource, std::string_view verb);      // rest_providers.cpp
RestFunction domain_function(std::string_view resource, std::string_view verb);        // rest_domains.cpp
RestFunction organization_function(std::string_view resource,
                                   std::string_view verb);  // rest_organization.cpp

/// Dials the leads of scheduled campaigns, as many as may be called at a time; ends those that are through.
void run_campaigns(RestState& state, Milliseconds now);  // rest_campaigns.cpp
void campaign_call_ended(RestState& state, const CallRecord& call);

void log_usage(RestState& state, const CallRecord& call);  // rest_calls.cpp

/// What calls need of a saved assistant: its configuration, without webhook and secret.
std::string call_config(const Object& assistant);  // rest_outbound.cpp
std::optional<std::vector<std::string>> webhook_events(const Object& assistant);

/// What to dial with: who speaks, what it is told, and from which number.
Dial dial_with(const RestState& state, const Object& assistant, std::string destination);

/// One assistant and one number, so that it is useful at once.
void sow(RestState& state, Milliseconds now);  // rest_directory.cpp

}  // namespace hookswitch::simulator
