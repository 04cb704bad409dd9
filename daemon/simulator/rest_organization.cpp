// The organization, what is left of accounts and chats, health, and the platform's own voices; MCP servers'
// test.
//
// Source: Flireo protocol reference, 7.6, 7.10, 7.13, 7.14. What chats look like is not documented.

#include "daemon/simulator/rest_state.hpp"

#include <algorithm>

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kVoices = R"j({"voices":[{"id":"nl_NL-pim-medium","name":"Pim","language":"nl",)j"
                                     R"j("description":{"en":"Pim (Dutch)","nl":"Pim (Nederlands)"}},)j"
                                     R"j({"id":"nl_NL-ronnie-medium","name":"Ronnie","language":"nl",)j"
                                     R"j("description":{"en":"Ronnie (Dutch)","nl":"Ronnie (Nederlands)"}},)j"
                                     R"j({"id":"en_GB-alba-medium","name":"Alba","language":"en"}]})j";

RestOutcome voices(RestState&, const RestCall&) { return RestDone{200, std::string(kVoices)}; }

std::int64_t balance(const RestState& state) {
    return std::max<std::int64_t>(0, state.settings.balance - state.used_minutes);
}

void add_counts(ObjectText& text, const RestState& state) {
    text.number("minutes_balance", balance(state))
        .number("monthly_usage_minutes", state.used_minutes)
        .number("active_numbers", static_cast<std::int64_t>(state.numbers.size()))
        .number("active_agents", static_cast<std::int64_t>(state.assistants.size()))
        .number("active_calls", static_cast<std::int64_t>(state.switchboard->active_calls()));
}

RestOutcome get_organization(RestState& state, const RestCall& call) {
    ObjectText text;
    text.text("id", state.organization_id).text("name", state.organization_name);
    add_counts(text, state);
    if (state.settings.era == Era::late) {
        text.flag("has_local_models_access", true).json("parent_org_id", "null");
        std::string children = "[";
        for (const Object& child : state.organizations)
            (children += children.size() > 1 ? "," : "") += ObjectText()
                                                                .json("id", child.json("id"))
                                                                .json("name", child.json("name"))
                                                                .json("created_at", child.json("created_at"))
                                                                .finish();
        if (call.parameter("include_children") == "true") text.json("children", children + ']');
    }
    return RestDone{200, text.finish()};
}

RestOutcome create_organization(RestState& state, const RestCall& call) {
    TRY(const auto name, text_member(call, "name"));
    if (name.empty()) return invalid("name", "must not be empty");
    TRY(const auto parent, optional_text(call, "parent_org_id"));
    if (parent && *parent != state.organization_id && !state.organizations.find(*parent))
        return not_found("Organization");
    Object made;
    made.set_text("id", state.new_id());
    made.set_text("name", name);
    made.set("parent_org_id", parent ? json_string(*parent) : "null");
    made.set_time("created_at", call.now);
    const Object& kept = state.organizations.add(std::move(made));
    constexpr std::size_t kKeySize = 32;
    return created(state, ObjectText()
                              .json("id", kept.json("id"))
                              .json("name", kept.json("name"))
                              .json("parent_org_id", kept.json("parent_org_id"))
                              .text("api_key", "fl_live_" + state.new_token(kKeySize))  // this once
                              .json("created_at", kept.json("created_at"))
                              .finish());
}

RestResult<std::int64_t> days(const RestCall& call, std::string_view name, std::string_view choices) {
    dom::element value;
    std::int64_t number = 0;
    if (call.body.at_key(name).get(value)) return missing(name);
    if (value.get(number) || !is_choice(choices, std::to_string(number)))
        return invalid(name, "must be one of: " + std::string(choices));
    return number;
}

RestOutcome update_organization(RestState& state, const RestCall& call) {
    TRY(const auto content, days(call, "content_retention_days", "30|90|180|365"));
    TRY(const auto metadata, days(call, "metadata_retention_days", "30|90|180|365|730"));
    if (content > metadata)
        return invalid("content_retention_days", "must not exceed metadata_retention_days");
    state.content_days = content;
    state.metadata_days = metadata;
    return RestDone{200, ObjectText()
                             .number("content_retention_days", content)
                             .number("metadata_retention_days", metadata)
                             .finish()};
}

RestOutcome account(RestState& state, const RestCall&) {
    ObjectText text;
    text.text("id", state.organization_id)
        .text("email", "desk@example.com")
        .text("company_name", state.organization_name);
    add_counts(text, state);
    return RestDone{200, text.finish()};
}

RestOutcome health(RestState&, const RestCall& call) {
    return RestDone{200, ObjectText()
                             .text("status", "ok")
                             .time("timestamp", call.now)
                             .text("version", HOOKSWITCH_VERSION)
                             .json("checks", R"({"database":{"status":"ok","latency_ms":1}})")
                             .finish()};
}

constexpr std::string_view kMcpTools =
    R"([{"name":"search","description":"Finds a customer","input_schema":)"
    R"({"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}}])";

// There is nothing to ask: one whose host ends in ".invalid" (RFC 2606) cannot be reached, others answer.
RestOutcome test_mcp_server(RestState& state, const RestCall& call) {
    const Object* server = state.mcp_servers.find(call.ids.front());
    if (!server) return not_found("MCP server");
    dom::element headers;
    if (call.has_body && !call.body.at_key("headers").get(headers) && !headers.is_object())
        return invalid("headers", "must be an object");
    const bool reachable = server->text("url").value_or("").find(".invalid") == std::string::npos;
    ObjectText text;
    text.flag("ok", reachable).number("duration_ms", 12);
    reachable ? text.json("tools", kMcpTools) : text.text("error", "Could not connect to the server");
    return RestDone{200, text.finish()};
}

std::string chat_text(const Object& chat) {
    return ObjectText()
        .json("id", chat.json("id"))
        .json("request", chat.json("request"))
        .json("created_at", chat.json("created_at"))
        .finish();
}

RestOutcome create_chat(RestState& state, const RestCall& call) {
    Object chat;
    chat.set_text("id", state.new_id());
    chat.set("request", call.has_body ? std::string(call.body_text) : "{}");
    chat.set_time("created_at", call.now);
    return created(state, ObjectText().json("chat", chat_text(state.chats.add(std::move(chat)))).finish());
}

RestOutcome list_chats(RestState& state, const RestCall&) {
    std::string items = "[";
    for (const Object& chat : state.chats) (items += items.size() > 1 ? "," : "") += chat_text(chat);
    return RestDone{200, ObjectText().json("chats", items + ']').finish()};
}

RestOutcome chat_context(RestState&, const RestCall&) { return RestDone{200, R"({"context":[]})"}; }

RestOutcome delete_chat(RestState& state, const RestCall& call) {
    if (!state.chats.remove(call.ids.front())) return not_found("Chat");
    return deleted(state);
}

struct Row {
    std::string_view resource, verb;
    RestFunction function;
};

constexpr Row kRows[] = {
    {"voices", "list", voices},
    {"organizations", "get", get_organization},
    {"organizations", "create", create_organization},
    {"organizations", "update", update_organization},
    {"account", "get", account},
    {"health", "get", health},
    {"mcp-servers", "test", test_mcp_server},
    {"chats", "list", list_chats},
    {"chats", "create", create_chat},
    {"chats", "context", chat_context},
    {"chats", "delete", delete_chat},
};

}  // namespace

RestFunction organization_function(std::string_view resource, std::string_view verb) {
    for (const Row& row : kRows)
        if (row.resource == resource && row.verb == verb) return row.function;
    return nullptr;
}

}  // namespace hookswitch::simulator
