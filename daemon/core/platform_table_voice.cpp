// Who speaks, and how: assistants, tool and analysis templates, voices, workflows, MCP servers.

#include "daemon/core/platform_table.hpp"

namespace hookswitch::platform_table {
namespace {

// clang-format off

constexpr PlatformField kAssistant[] = {
    {"name",                        text,    "What it is called", required},
    {"business_name",               text,    "For whom it speaks"},
    {"first_message",               text,    "What it says first"},
    {"is_active",                   boolean, "Whether it takes calls (true if not given)"},
    {"max_duration_seconds",        integer, "Ends a call after so long"},
    {"autonomous_silence_handling", boolean, "Whether it deals with silence by itself"},
    {"silence_timeout_seconds",     integer, "How long a caller may be silent"},
    {"voicemail_detection",         boolean, "Whether it notices an answering machine"},
    {"voicemail_message",           text,    "What it says to one"},
    {"gdpr_mode",                   boolean, "Whether it keeps less", optional, since_snake},
    {"notification_email",          text,    "Who gets the reports"},
    {"notification_emails",         texts,   "At most 5 of them; update only", optional, since_late},
    {"recording_consent",           json,    "{enabled, message}; update only", optional, since_late},
    {"webhook_url",                 text,    "Where its events go, instead of the account's webhook"},
    {"webhook_secret",              secret,  "What they are signed with"},
    {"webhook_events",              texts,   "Which of the four event types are sent"},
    {"analysis_plan",               json,    "What is found out after a call"},
    {"stt_config",                  json,    "How it hears: {provider, model, language, ...}"},
    {"llm_config",                  json,    "How it thinks: {provider, model, messages, tools, ...}"},
    {"tts_config",                  json,    "How it speaks: {provider, voice_id, ...}"},
    {"speech_config",               json,    "Turn-taking, pronunciation, silence", optional, since_late},
};

constexpr PlatformField kToolTemplate[] = {
    {"name",        text, "What it is called", required},
    {"description", text, "What it is for"},
    {"tool_type",   text, "function, end_call or transfer_call (camel: endCall, transferCall)", required},
    {"tool_config", json, "{name, description, url, parameters, async}; for a transfer {destinations}", required},
};

constexpr PlatformField kAnalysisTemplate[] = {
    {"name",          text, "What it is called", required},
    {"description",   text, "What it is for"},
    {"system_prompt", text, "What the model is told"},
    {"user_prompt",   text, "What it is asked, with {{transcript}} (camel) or {transcript} in it"},
    {"schema",        json, "JSON Schema of what is to be found out", required},
};

constexpr PlatformField kWorkflow[] = {
    {"name",       text,    "What it is called", required},
    {"definition", json,    "{version: 1, entry_node, nodes, edges}", required},
    {"is_active",  boolean, "Whether calls may use it (true if not given)"},
};

constexpr PlatformField kMcpServer[] = {
    {"name",            text,        "What it is called; no two have the same name", required},
    {"url",             text,        "Where it is; https and public", required},
    {"transport",       text,        "streamable_http (if not given) or sse"},
    {"timeout_seconds", integer,     "5 to 60 (20 if not given)"},
    {"headers",         secret_json, "Header fields to send, at most 10; {} removes all"},
};

constexpr PlatformField kMcpTest[] = {
    {"headers", secret_json, "Header fields to try instead of the stored ones"},
};

constexpr InEras kAgents{yes, alias, no};
constexpr auto agents = list_in("agents", {}, "assistants"), assistants = list_in("assistants", {}, "agents");
constexpr auto agent = one_in("agent", {}, "assistant"), assistant = one_in("assistant", {}, "agent");
constexpr auto tool_templates = list_in("tool_templates", "toolTemplates");
constexpr auto tool_template = one_in("tool_template", "toolTemplate");
constexpr auto analysis_templates = list_in("analysis_templates", "analysisTemplates");
constexpr auto analysis_template = one_in("analysis_template", "analysisTemplate");

constexpr PlatformOperation kOperations[] = {
    {"assistants", "list",   "GET",    "/assistants",      since_snake, assistants},
    {"assistants", "create", "POST",   "/assistants",      since_snake, assistant, body, kAssistant},
    {"assistants", "get",    "GET",    "/assistants/{id}", since_snake, assistant},
    {"assistants", "update", "PATCH",  "/assistants/{id}", since_snake, assistant, body, kAssistant},
    {"assistants", "delete", "DELETE", "/assistants/{id}", since_snake, done},

    {"agents", "list",   "GET",    "/agents",      kAgents, agents},
    {"agents", "create", "POST",   "/agents",      kAgents, agent, body, kAssistant},
    {"agents", "get",    "GET",    "/agents/{id}", kAgents, agent},
    {"agents", "update", "PATCH",  "/agents/{id}", kAgents, agent, body, kAssistant},
    {"agents", "delete", "DELETE", "/agents/{id}", kAgents, done},

    {"tool-templates", "list",   "GET",    "/tool-templates",      every_era, tool_templates},
    {"tool-templates", "create", "POST",   "/tool-templates",      every_era, tool_template, body, kToolTemplate},
    {"tool-templates", "get",    "GET",    "/tool-templates/{id}", every_era, tool_template},
    {"tool-templates", "update", "PATCH",  "/tool-templates/{id}", every_era, tool_template, body, kToolTemplate},
    {"tool-templates", "delete", "DELETE", "/tool-templates/{id}", every_era, done},

    {"analysis-templates", "list",   "GET",    "/analysis-templates",      every_era, analysis_templates},
    {"analysis-templates", "create", "POST",   "/analysis-templates",      every_era, analysis_template, body, kAnalysisTemplate},
    {"analysis-templates", "get",    "GET",    "/analysis-templates/{id}", every_era, analysis_template},
    {"analysis-templates", "update", "PATCH",  "/analysis-templates/{id}", every_era, analysis_template, body, kAnalysisTemplate},
    {"analysis-templates", "delete", "DELETE", "/analysis-templates/{id}", every_era, done},

    {"voices", "list", "GET", "/voices", every_era, list_in("voices")},

    {"workflows", "list",   "GET",    "/workflows",      since_late, list_in("workflows")},
    {"workflows", "create", "POST",   "/workflows",      since_late, one_in("workflow"), body, kWorkflow},
    {"workflows", "get",    "GET",    "/workflows/{id}", since_late, one_in("workflow")},
    {"workflows", "update", "PATCH",  "/workflows/{id}", since_late, one_in("workflow"), body, kWorkflow},
    {"workflows", "delete", "DELETE", "/workflows/{id}", since_late, done},

    {"mcp-servers", "list",   "GET",    "/mcp-servers",           since_late, list_in("mcp_servers")},
    {"mcp-servers", "create", "POST",   "/mcp-servers",           since_late, one_in("mcp_server"), body, kMcpServer},
    {"mcp-servers", "get",    "GET",    "/mcp-servers/{id}",      since_late, one_in("mcp_server")},
    {"mcp-servers", "update", "PATCH",  "/mcp-servers/{id}",      since_late, one_in("mcp_server"), body, kMcpServer},
    {"mcp-servers", "delete", "DELETE", "/mcp-servers/{id}",      since_late, done},
    {"mcp-servers", "test",   "POST",   "/mcp-servers/{id}/test", since_late, bare, may_body, kMcpTest, {}, "Ask it for its tools"},
};

// clang-format on

}  // namespace

std::span<const PlatformOperation> voice_operations() { return kOperations; }

}  // namespace hookswitch::platform_table
