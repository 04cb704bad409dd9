#include "daemon/simulator/tool_definition.hpp"

#include "daemon/core/json.hpp"

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

std::optional<std::string> text(dom::element object, std::string_view key) {
    std::string_view found;
    dom::element value;
    if (object[key].get(value) || value.get(found)) return std::nullopt;
    return std::string(found);
}

dom::element member_or_self(dom::element object, std::string_view key) {
    dom::element inner;
    return object[key].get(inner) || !inner.is_object() ? object : inner;
}

ToolDefinition definition_in(dom::element tool) {
    ToolDefinition definition;
    dom::element value;
    if (tool["async"].get(value) || value.get(definition.async)) definition.async = false;
    if (!tool["server"].get(value)) {
        definition.url = text(value, "url");
        definition.secret = text(value, "secret");
    }
    if (auto url = text(tool, "url")) definition.url = std::move(url);
    for (const std::string_view key : {"message", "async_response"})
        if (definition.message.empty()) definition.message = text(tool, key).value_or("");
    return definition;
}

}  // namespace

ToolDefinition tool_definition(std::string_view assistant, std::string_view name) {
    // Most load tests have no tools defined; looking for the name first saves them the parsing.
    if (assistant.find("\"tools\"") == std::string_view::npos) return {};
    const auto doc = Document::parse(assistant);
    dom::array tools;
    if (!doc || doc->root()["llm_config"]["tools"].get(tools)) return {};
    for (const dom::element tool : tools)
        if (tool.is_object() && text(member_or_self(tool, "function"), "name") == name)
            return definition_in(tool);
    return {};
}

}  // namespace hookswitch::simulator
