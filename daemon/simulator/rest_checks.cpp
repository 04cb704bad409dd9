// What a table cannot say about a resource: what refers to what, and what is in use.
//
// Source: Flireo protocol reference, 6.2 (conflicts), 7.2, 7.3, 7.12, 7.13.

#include "daemon/simulator/resource.hpp"
#include "daemon/simulator/workflow_graph.hpp"

#include <algorithm>

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

// A member that refers to another resource: null, or the id of one that exists.
RestResult<> check_reference(const Object& object, std::string_view member, const Collection& in,
                             std::string_view what) {
    const auto id = object.text(member);
    if (id && !in.find(*id)) return not_found(what);
    return {};
}

bool has_other_with(const Collection& collection, std::string_view member, const Object& object) {
    return std::ranges::any_of(collection, [&](const Object& other) {
        return other.json("id") != object.json("id") && other.json(member) == object.json(member);
    });
}

std::optional<std::string> name_in(const Collection& collection, const Object& object,
                                   std::string_view reference, std::string_view member) {
    const auto id = object.text(reference);
    const Object* other = id ? collection.find(*id) : nullptr;
    return other ? other->text(member) : std::nullopt;
}

void forget(Collection& collection, std::string_view member, const std::string& id) {
    for (Object& object : collection)
        if (object.text(member) == id) object.set(member, "null");
}

// The late era's rule; a name is what the model calls the function by.
bool is_function_name(std::string_view name) {
    constexpr std::size_t kLongest = 64;
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !name.empty() && name.size() <= kLongest && is_letter(name[0]) &&
           std::ranges::all_of(name,
                               [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

std::string host_of(std::string_view url) {
    const auto begin = url.find("://");
    const auto rest = begin == std::string_view::npos ? url : url.substr(begin + 3);
    return std::string(rest.substr(0, rest.find('/')));
}

RestResult<std::vector<std::string>> header_names(const Object& server) {
    constexpr std::size_t kMost = 10;
    const auto document = Document::parse(server.json("headers"));
    dom::object headers;
    std::vector<std::string> names;
    if (!document || document->root().get(headers)) return names;
    for (const auto& [name, value] : headers) {
        if (!value.is_string()) return invalid("headers", "must be an object of strings");
        names.emplace_back(name);
    }
    if (names.size() > kMost) return invalid("headers", "must not have more than 10 members");
    return names;
}

bool uses(const Object& assistant, std::string_view mcp_server) {
    const auto document = Document::parse(assistant.json("llm_config"));
    dom::array tools;
    if (!document || document->root()["tools"].get(tools)) return false;
    for (const dom::element tool : tools) {
        std::string_view id;
        if (!tool["mcp_server_id"].get(id) && id == mcp_server) return true;
    }
    return false;
}

}  // namespace

RestResult<> check_number(RestState& state, const RestCall&, Object& next, const Object*) {
    if (has_other_with(state.numbers, "phone_number", next))
        return conflict("This phone number is already registered");
    if (auto r = check_reference(next, "agent_id", state.assistants, "Agent"); !r) return r.error();
    if (auto r = check_reference(next, "transfer_trunk_id", state.trunks, "SIP trunk"); !r) return r.error();
    return check_reference(next, "workflow_id", state.workflows, "Workflow");
}

std::string more_of_number(const RestState& state, const Object& number) {
    ObjectText more;
    more.text_or_null("agent_name", name_in(state.assistants, number, "agent_id", "name"))
        .text_or_null("business_name", name_in(state.assistants, number, "agent_id", "business_name"))
        .text_or_null("transfer_trunk_name", name_in(state.trunks, number, "transfer_trunk_id", "name"));
    if (state.settings.era == Era::late)
        more.text_or_null("workflow_name", name_in(state.workflows, number, "workflow_id", "name"));
    const std::string text = more.finish();
    return text.substr(1, text.size() - 2);
}

RestResult<> check_tool_template(RestState& state, const RestCall&, Object& next, const Object*) {
    const auto config = Document::parse(next.json("tool_config"));
    std::string_view name;
    if (!config || next.text("tool_type") != "function") return {};
    if (config->root()["name"].get(name)) return {};  // it defaults to the template's
    if (state.settings.era == Era::late && !is_function_name(name))
        return invalid("tool_config.name",
                       "must begin with a letter or '_' and be at most 64 letters, "
                       "digits, '_' or '-'");
    return {};
}

RestResult<> check_workflow(RestState&, const RestCall&, Object& next, const Object*) {
    const auto document = Document::parse(next.json("definition"));
    const auto faults =
        document ? faults_of_workflow(document->root()) : std::vector<std::string>{"not JSON"};
    if (faults.empty()) return {};
    RestError error;
    error.code = "invalid_request";
    error.title = error.message = "Invalid workflow definition";
    error.details = faults;
    error.shape = ErrorShape::e;
    return error;
}

std::string brief_workflow(const Object& workflow) {
    const auto document = Document::parse(workflow.json("definition"));
    const auto count = [&](const char* member) {
        dom::array array;
        return document && !document->root()[member].get(array) ? static_cast<std::int64_t>(array.size()) : 0;
    };
    std::string_view entry;
    if (document && document->root()["entry_node"].get(entry)) entry = {};
    ObjectText text;
    for (const auto member : {"id", "name", "is_active"}) text.json(member, workflow.json(member));
    text.text("entry_node", entry).number("node_count", count("nodes")).number("edge_count", count("edges"));
    for (const auto member : {"created_at", "updated_at"}) text.json(member, workflow.json(member));
    return text.finish();
}

RestResult<> may_delete_workflow(const RestState& state, const Object& workflow) {
    const auto count = std::ranges::count_if(
        state.numbers, [&](const Object& number) { return number.text("workflow_id") == workflow.id(); });
    if (count == 0) return {};
    RestError error = conflict("Workflow is attached to " + std::to_string(count) +
                               " phone number(s). Detach it first with PATCH /numbers/{id} and "
                               "{\"workflow_id\": null}.");
    error.shape = ErrorShape::c;
    return error;
}

RestResult<> check_mcp_server(RestState& state, const RestCall& call, Object& next, const Object* before) {
    if (has_other_with(state.mcp_servers, "name", next))
        return conflict("An MCP server with this name already exists");
    TRY(const auto names, header_names(next));
    dom::element sent;
    const bool sends_headers = !call.body.at_key("headers").get(sent);
    const bool moved =
        before && host_of(before->text("url").value_or("")) != host_of(next.text("url").value_or(""));
    if (moved && !names.empty() && !sends_headers)
        return invalid("headers", "must be sent again when the host changes");
    next.set("header_names", json_strings(names));
    return {};
}

RestResult<> may_delete_mcp_server(const RestState& state, const Object& server) {
    const auto user = std::ranges::find_if(
        state.assistants, [&](const Object& assistant) { return uses(assistant, server.id()); });
    if (user == state.assistants.end()) return {};
    return conflict("MCP server is used by assistant " + user->text("name").value_or(""));
}

void assistant_removed(RestState& state, const std::string& id) { forget(state.numbers, "agent_id", id); }

void trunk_removed(RestState& state, const std::string& id) {
    forget(state.numbers, "transfer_trunk_id", id);
}

}  // namespace hookswitch::simulator
