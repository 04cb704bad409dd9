// Who is called: numbers, SIP trunks, calls, usage, campaigns.

#include "daemon/core/platform_table.hpp"

namespace hookswitch::platform_table {
namespace {

// clang-format off

constexpr PlatformField kNumber[] = {
    {"phone_number",      text, "E.164: +31850835037", required},
    {"name",              text, "What it is called"},
    {"assistant_id",      text, "Who answers it; null: nobody, or the account's webhook", optional, every_era, "agent_id"},
    {"transfer_trunk_id", text, "SIP trunk that transfers go over"},
    {"workflow_id",       text, "Workflow of its calls; null detaches it", optional, since_late},
};

// The documents of the eras know disjoint sets (protocol reference, 7.4).
constexpr PlatformField kSipTrunk[] = {
    {"name",          text,    "What it is called", required},
    {"host",          text,    "Address of the exchange", required, before_late},
    {"port",          integer, "Its port (5060 if not given)", optional, before_late},
    {"username",      text,    "Who we are there", optional, before_late},
    {"password",      secret,  "Its password", optional, before_late},
    {"provider",      text,    "Whose it is", required, since_late},
    {"address",       text,    "Address of the exchange", required, since_late},
    {"auth_username", text,    "Who we are there", optional, since_late},
    {"auth_password", secret,  "Its password", optional, since_late},
    {"transport",     text,    "udp (if not given), tcp or tls", optional, since_late},
};

constexpr PlatformField kOutbound[] = {
    {"destination",        text, "Whom to call, E.164", required},
    {"assistant_id",       text, "Who speaks", optional, every_era, "agent_id"},
    {"number_id",          text, "Own number to call from; any if not given", optional, since_snake},
    {"first_message",      text, "What it says first"},
    {"context",            text, "What it should know about this call", optional, camel_only},
    {"assistant",          json, "A whole configuration for this call only", optional, since_snake},
    {"assistant_override", json, "What differs from the assistant in this call", optional, since_snake},
};

constexpr PlatformField kControl[] = {
    {"type",             text,    "say, inject-context, end-call or transfer", required},
    {"content",          text,    "What to say, or to let it know"},
    {"end_after",        boolean, "say: hang up afterwards"},
    {"trigger_response", boolean, "inject-context: react at once"},
    {"destination",      text,    "transfer: E.164 or a SIP URI"},
    {"message",          text,    "end-call, transfer: what is said before"},
};

constexpr PlatformField kCampaign[] = {
    {"name",                    text, "What it is called", required},
    {"agent_id",                text, "Who calls", required, every_era, "agent_id", "assistant-id"},
    {"status",                  text, "scheduled starts it, paused stops it, draft is the beginning"},
    {"system_message_template", text, "What it is told about a lead, with {{variable}} in it"},
    {"schedule_start_time",     text, "Not before: 09:00:00"},
    {"schedule_end_time",       text, "Not after: 17:00:00"},
    {"timezone",                text, "In which zone: Europe/Amsterdam"},
    {"leads",                   json, "[{phone_number, variables}]; create only", optional, since_late},
};

constexpr PlatformField kLead[] = {
    {"phone_number", text, "Whom to call, E.164", required},
    {"variables",    json, "{\"name\": \"text\"} for the campaign's template"},
};

constexpr PlatformField kCallsQuery[] = {
    {"limit",      integer, "At most so many (100 if not given, at most 1000); with --all: a page"},
    {"offset",     integer, "Leave out so many"},
    {"status",     text,    "connecting, in-progress, ended or failed"},
    {"start_date", text,    "From then: a time, a date, or a duration ago (2h)"},
    {"end_date",   text,    "Until then"},
};

constexpr PlatformField kUsageQuery[] = {
    {"limit",      integer, "At most so many (100 if not given, at most 1000); with --all: a page"},
    {"offset",     integer, "Leave out so many"},
    {"start_date", text,    "From then: a time, a date, or a duration ago (30d)"},
    {"end_date",   text,    "Until then"},
};

constexpr auto number = one_in("number"), campaign = one_in("campaign"), lead = one_in("lead");
constexpr auto trunks = list_in("trunks", {}, "sip_trunks"), trunk = one_in("trunk", {}, "sip_trunk");

constexpr PlatformOperation kOperations[] = {
    {"numbers", "list",   "GET",    "/numbers",      every_era, list_in("numbers")},
    {"numbers", "create", "POST",   "/numbers",      every_era, number, body, kNumber},
    {"numbers", "get",    "GET",    "/numbers/{id}", every_era, number},
    {"numbers", "update", "PATCH",  "/numbers/{id}", every_era, number, body, kNumber},
    {"numbers", "delete", "DELETE", "/numbers/{id}", every_era, done},

    {"sip-trunks", "list",   "GET",    "/sip-trunks",      every_era, trunks},
    {"sip-trunks", "create", "POST",   "/sip-trunks",      every_era, trunk, body, kSipTrunk},
    {"sip-trunks", "get",    "GET",    "/sip-trunks/{id}", every_era, trunk},
    {"sip-trunks", "delete", "DELETE", "/sip-trunks/{id}", every_era, done},

    {"calls", "list",     "GET",  "/calls",              every_era, list_in("calls"), no_body, {}, kCallsQuery},
    {"calls", "get",      "GET",  "/calls/{id}",         every_era, bare},
    {"calls", "outbound", "POST", "/calls/outbound",     every_era, bare, body, kOutbound, {}, "Call somebody"},
    {"calls", "control",  "POST", "/calls/{id}/control", every_era, bare, body, kControl, {}, "Send a command to a running call"},

    {"usage", "list", "GET", "/usage", every_era, list_in("logs"), no_body, {}, kUsageQuery, "What was used, with a summary"},

    {"campaigns", "list",   "GET",    "/campaigns",      every_era, list_in("campaigns")},
    {"campaigns", "create", "POST",   "/campaigns",      every_era, campaign, body, kCampaign},
    {"campaigns", "get",    "GET",    "/campaigns/{id}", every_era, campaign},
    {"campaigns", "update", "PATCH",  "/campaigns/{id}", every_era, campaign, body, kCampaign},
    {"campaigns", "delete", "DELETE", "/campaigns/{id}", every_era, done},

    {"campaign-leads", "list",   "GET",    "/campaigns/{campaign}/leads",        every_era, list_in("leads")},
    {"campaign-leads", "create", "POST",   "/campaigns/{campaign}/leads",        every_era, lead, body, kLead},
    {"campaign-leads", "delete", "DELETE", "/campaigns/{campaign}/leads/{lead}", every_era, done},
};

// clang-format on

}  // namespace

std::span<const PlatformOperation> telephone_operations() { return kOperations; }

}  // namespace hookswitch::platform_table
