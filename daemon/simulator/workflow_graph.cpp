#include "daemon/simulator/workflow_graph.hpp"

#include "daemon/simulator/schema.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kLongestId = 41;

// A lower-case letter first, then letters, digits, underscores.
bool is_node_id(std::string_view id) {
    const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto other = [&](char c) {
        return lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !id.empty() && id.size() <= kLongestId && lower(id[0]) && std::ranges::all_of(id, other);
}

std::string text_of(dom::element object, const char* member) {
    std::string_view text;
    return object[member].get(text) ? "" : std::string(text);
}

bool has(dom::element object, const char* member) {
    dom::element value;
    return !object[member].get(value) && !value.is_null();
}

class Checker {
public:
    explicit Checker(dom::element definition) : definition_(definition) {}

    std::vector<std::string> run() {
        if (!definition_.is_object()) return {"definition must be an object"};
        std::int64_t version = 0;
        if (definition_["version"].get(version) || version != 1) say("version must be 1");
        check_nodes();
        check_edges();
        const std::string entry = text_of(definition_, "entry_node");
        if (entry.empty())
            say("entry_node is required");
        else if (!types_.contains(entry))
            say("entry_node '" + entry + "' is not a node");
        for (const auto& [id, type] : types_)
            if (type == "tool" && outgoing_[id] != 1)
                say("tool node '" + id + "' must have exactly one outgoing edge");
        return std::move(faults_);
    }

private:
    void say(std::string fault) { faults_.push_back(std::move(fault)); }

    void check_nodes() {
        dom::array nodes;
        if (definition_["nodes"].get(nodes) || nodes.size() == 0)
            return say("nodes must be an array with at least one node");
        std::size_t index = 0;
        for (const dom::element node : nodes) check_node(node, "nodes[" + std::to_string(index++) + "]");
    }

    void check_node(dom::element node, const std::string& where) {
        if (!node.is_object()) return say(where + " must be an object");
        const std::string id = text_of(node, "id"), type = text_of(node, "type");
        if (!is_node_id(id))
            return say(where +
                       ".id must begin with a lower-case letter and have at most 41 letters, digits and '_'");
        if (!types_.emplace(id, type).second) return say(where + ".id '" + id + "' is used twice");
        const auto require = [&](const char* member) {
            if (text_of(node, member).empty()) say("node '" + id + "': " + member + " is required");
        };
        if (type == "conversation")
            check_conversation(node, id);
        else if (type == "tool")
            require("tool_name");
        else if (type == "transfer")
            require("destination");
        else if (type != "end")
            say("node '" + id + "': type must be one of: conversation tool transfer end");
    }

    void check_conversation(dom::element node, const std::string& id) {
        const std::string where = "node '" + id + "': ";
        if (text_of(node, "instructions").empty()) say(where + "instructions is required");
        bool global = false;
        if (!node["global"].get(global) && global && text_of(node, "global_description").empty())
            say(where + "global_description is required for a global node");
        if (has(node, "voice") && has(node, "tts_config"))
            say(where + "voice and tts_config exclude each other");
        dom::element model;
        if (!node["llm_config"].get(model) && is_realtime(text_of(model, "provider")))
            say("realtime_provider_not_allowed_per_node: " + where +
                "llm_config.provider must be a text provider");
    }

    void check_edges() {
        dom::element value;
        if (definition_["edges"].get(value)) return;
        dom::array edges;
        if (value.get(edges)) return say("edges must be an array");
        std::size_t index = 0;
        for (const dom::element edge : edges) check_edge(edge, "edges[" + std::to_string(index++) + "]");
    }

    void check_edge(dom::element edge, const std::string& where) {
        const std::string from = text_of(edge, "from"), to = text_of(edge, "to");
        const auto begin = types_.find(from);
        if (begin == types_.end()) return say(where + ".from '" + from + "' is not a node");
        if (!types_.contains(to)) return say(where + ".to '" + to + "' is not a node");
        if (from == to) say(where + " leads from '" + from + "' to itself");
        if (!pairs_.emplace(from, to).second)
            say(where + " is the second from '" + from + "' to '" + to + "'");
        ++outgoing_[from];
        const std::string& type = begin->second;
        if (type == "transfer" || type == "end")
            say(where + ": a node of type " + type + " has no outgoing edges");
        else if (type != "tool" && text_of(edge, "description").empty())
            say(where + ".description is required");
    }

    dom::element definition_;
    std::vector<std::string> faults_;
    std::map<std::string, std::string> types_;  // of the nodes, by id
    std::map<std::string, int> outgoing_;
    std::set<std::pair<std::string, std::string>> pairs_;
};

}  // namespace

std::vector<std::string> faults_of_workflow(dom::element definition) { return Checker(definition).run(); }

}  // namespace hookswitch::simulator
