// The members of every resource, one a line. Where eras differ a member has a line for each.
//
// Source: Flireo protocol reference, 7.1 to 7.4, 7.9, 7.11 to 7.13.

#include "daemon/simulator/resource.hpp"

#include <algorithm>

namespace hookswitch::simulator {
namespace {

// clang-format off

constexpr Field kId{"id", Kind::text, kGiven}, kOrganization{"org_id", Kind::text, kGiven, "null", kSinceSnake},
    kCreated{"created_at", Kind::text, kGiven}, kUpdated{"updated_at", Kind::text, kGiven};

constexpr std::string_view kEvents = "assistant-request|tool-calls|status-update|end-of-call-report";

constexpr Field kAssistant[] = {
    kId,
    {"name",                        Kind::name,    kRequired},
    {"business_name",               Kind::text,    kNullable},
    {"notification_email",          Kind::text,    kNullable},
    {"notification_emails",         Kind::texts,   kNullable | kUpdateOnly, "null", kLate, {}, 0, 5},
    {"first_message",               Kind::text,    kNullable},
    {"is_active",                   Kind::boolean, 0, "true"},
    {"max_duration_seconds",        Kind::integer, kNullable, "null", kEveryEra, {}, 1},
    {"autonomous_silence_handling", Kind::boolean, 0, "false"},
    {"silence_timeout_seconds",     Kind::integer, kNullable, "null", kEveryEra, {}, 1},
    {"voicemail_detection",         Kind::boolean, kNullable},
    {"voicemail_message",           Kind::text,    kNullable},
    {"gdpr_mode",                   Kind::boolean, 0, "false", kSinceSnake},
    {"recording_consent",           Kind::object,  kNullable | kUpdateOnly, "null", kLate},
    {"webhook_url",                 Kind::url,     kNullable},
    {"webhook_secret",              Kind::text,    kNullable},
    {"webhook_events",              Kind::texts,   kNullable, "null", kEveryEra, kEvents},
    {"analysis_plan",               Kind::object,  kNullable},
    {"stt_config",                  Kind::object,  kNullable},
    {"llm_config",                  Kind::object,  kNullable},
    {"tts_config",                  Kind::object,  kNullable},
    {"speech_config",               Kind::object,  kNullable, "null", kLate},
    kCreated, kUpdated,
};

constexpr Field kToolTemplate[] = {
    kId, kOrganization,
    {"name",        Kind::name,   kRequired},
    {"description", Kind::text,   kNullable},
    {"tool_type",   Kind::choice, kRequired, "null", kCamel,      "function|endCall|transferCall"},
    {"tool_type",   Kind::choice, kRequired, "null", kSinceSnake, "function|end_call|transfer_call|endCall|transferCall"},
    {"tool_config", Kind::object, kRequired},
    kCreated, kUpdated,
};

constexpr Field kAnalysisTemplate[] = {
    kId, kOrganization,
    {"name",          Kind::name,   kRequired},
    {"description",   Kind::text,   kNullable},
    {"system_prompt", Kind::text,   kNullable, "null", kBeforeLate},
    {"system_prompt", Kind::text,   kRequired, "null", kLate},
    {"user_prompt",   Kind::text,   kNullable, "null", kBeforeLate},
    {"user_prompt",   Kind::text,   kRequired, "null", kLate},
    {"schema",        Kind::object, kRequired},
    kCreated, kUpdated,
};

constexpr Field kNumber[] = {
    kId,
    {"phone_number",      Kind::phone,   kRequired, "null", kEveryEra, {}, 0, INT64_MAX, "number"},
    {"name",              Kind::text,    kNullable},
    {"agent_id",          Kind::text,    kNullable, "null", kEveryEra, {}, 0, INT64_MAX, "assistant_id"},
    {"transfer_trunk_id", Kind::text,    kNullable},
    {"workflow_id",       Kind::text,    kNullable, "null", kLate},
    {"source",            Kind::text,    kGiven, "\"sip\""},
    {"is_active",         Kind::boolean, kGiven, "true"},
    kCreated, kUpdated,
};

constexpr Field kTrunk[] = {
    kId, kOrganization,
    {"name",          Kind::name,    kRequired},
    {"host",          Kind::name,    kRequired, "null", kBeforeLate},
    {"port",          Kind::integer, 0, "5060", kBeforeLate, {}, 1, 65535},
    {"username",      Kind::text,    kNullable, "null", kBeforeLate},
    {"password",      Kind::text,    kNullable | kWriteOnly, "null", kBeforeLate},
    {"provider",      Kind::name,    kRequired, "null", kLate},
    {"address",       Kind::name,    kRequired, "null", kLate},
    {"transport",     Kind::choice,  0, "\"udp\"", kLate, "udp|tcp|tls"},
    {"auth_username", Kind::text,    kNullable, "null", kLate},
    {"auth_password", Kind::text,    kNullable | kWriteOnly, "null", kLate},
    {"is_active",     Kind::boolean, kGiven, "true", kLate},
    kCreated,
    {"updated_at",    Kind::text,    kGiven, "null", kLate},
};

constexpr std::string_view kCampaignStatus = "draft|scheduled|paused", kLateCampaignStatus = "draft|scheduled|paused|cancelled";

constexpr Field kCampaign[] = {
    kId,
    {"name",                    Kind::name,   kRequired},
    {"agent_id",                Kind::name,   kRequired, "null", kEveryEra, {}, 0, INT64_MAX, "assistant_id"},
    {"status",                  Kind::choice, 0, "\"draft\"", kBeforeLate, kCampaignStatus},
    {"status",                  Kind::choice, 0, "\"draft\"", kLate, kLateCampaignStatus},
    {"system_message_template", Kind::text,   kNullable},
    {"schedule_start_time",     Kind::clock,  0, "\"09:00:00\"", kBeforeLate},
    {"schedule_end_time",       Kind::clock,  0, "\"17:00:00\"", kBeforeLate},
    {"timezone",                Kind::name,   0, "\"Europe/Amsterdam\"", kBeforeLate},
    {"schedule_start_time",     Kind::clock,  kRequired, "null", kLate},
    {"schedule_end_time",       Kind::clock,  kRequired, "null", kLate},
    {"timezone",                Kind::name,   kRequired, "null", kLate},
    kCreated, kUpdated,
};

constexpr Field kWorkflow[] = {
    kId,
    {"name",       Kind::name,    kRequired},
    {"is_active",  Kind::boolean, 0, "true"},
    {"definition", Kind::object,  kRequired},
    kCreated, kUpdated,
};

constexpr Field kMcpServer[] = {
    kId,
    {"name",            Kind::name,      kRequired},
    {"url",             Kind::https_url, kRequired},
    {"transport",       Kind::choice,    0, "\"streamable_http\"", kEveryEra, "streamable_http|sse"},
    {"headers",         Kind::object,    kWriteOnly, "{}"},
    {"header_names",    Kind::texts,     kGiven, "[]"},
    {"timeout_seconds", Kind::integer,   0, "20", kEveryEra, {}, 5, 60},
    kCreated, kUpdated,
};

constexpr Resource kResources[] = {
    {"agents",             "Agent",             kAssistant,        &RestState::assistants, nullptr, nullptr, nullptr, nullptr, nullptr, assistant_removed},
    {"assistants",         "Assistant",         kAssistant,        &RestState::assistants, nullptr, nullptr, nullptr, nullptr, nullptr, assistant_removed},
    {"tool-templates",     "Tool template",     kToolTemplate,     &RestState::tool_templates, check_tool_template},
    {"analysis-templates", "Analysis template", kAnalysisTemplate, &RestState::analysis_templates},
    {"numbers",            "Number",            kNumber,           &RestState::numbers, check_number, more_of_number},
    {"sip-trunks",         "SIP trunk",         kTrunk,            &RestState::trunks, nullptr, nullptr, nullptr, nullptr, nullptr, trunk_removed},
    {"campaigns",          "Campaign",          kCampaign,         &RestState::campaigns, check_campaign, more_of_campaign, nullptr, nullptr, campaign_saved, campaign_removed},
    {"workflows",          "Workflow",          kWorkflow,         &RestState::workflows, check_workflow, nullptr, brief_workflow, may_delete_workflow},
    {"mcp-servers",        "MCP server",        kMcpServer,        &RestState::mcp_servers, check_mcp_server, nullptr, nullptr, may_delete_mcp_server},
};

// clang-format on

}  // namespace

const Resource* find_resource(std::string_view name) {
    const auto found = std::ranges::find(kResources, name, &Resource::name);
    return found == std::end(kResources) ? nullptr : &*found;
}

}  // namespace hookswitch::simulator
