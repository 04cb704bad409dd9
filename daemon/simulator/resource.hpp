#pragma once

// The resources that one engine can create, change, list, show and delete: a table of their members and what
// is special about each. Inside of rest_*.cpp.

#include "daemon/simulator/rest_state.hpp"

#include <span>
#include <string>
#include <string_view>

namespace hookswitch::simulator {

struct Resource {
    std::string_view name;  // as in platform_operations.hpp
    std::string_view what;  // "Number", in "Number not found"
    Fields fields;
    Collection RestState::*items;

    // Each may be null. `before` is null for a new one. The checks run before anything is changed.
    RestResult<> (*check)(RestState&, const RestCall&, Object& next, const Object* before) = nullptr;
    std::string (*more)(const RestState&, const Object&) = nullptr;  // further members that are shown
    std::string (*brief)(const Object&) = nullptr;                   // instead, in lists
    RestResult<> (*may_delete)(const RestState&, const Object&) = nullptr;
    void (*saved)(RestState&, const RestCall&, Object&) = nullptr;
    void (*removed)(RestState&, const std::string& id) = nullptr;
};

/// Null: not one of these.
const Resource* find_resource(std::string_view name);

/// A new object, with its id, times and organization; not kept yet.
RestResult<Object> make(RestState& state, const RestCall& call, Fields fields, simdjson::dom::object body);

/// {"agent":{..}}
std::string in_envelope(const RestState& state, const RestCall& call, std::string_view json);

std::string shown(const RestState& state, const Resource& resource, const Object& object);

// What is special; rest_checks.cpp and rest_campaigns.cpp.
RestResult<> check_number(RestState&, const RestCall&, Object& next, const Object* before);
std::string more_of_number(const RestState&, const Object&);
RestResult<> check_tool_template(RestState&, const RestCall&, Object& next, const Object* before);
RestResult<> check_workflow(RestState&, const RestCall&, Object& next, const Object* before);
std::string brief_workflow(const Object&);
RestResult<> may_delete_workflow(const RestState&, const Object&);
RestResult<> check_mcp_server(RestState&, const RestCall&, Object& next, const Object* before);
RestResult<> may_delete_mcp_server(const RestState&, const Object&);
void assistant_removed(RestState&, const std::string& id);
void trunk_removed(RestState&, const std::string& id);
RestResult<> check_campaign(RestState&, const RestCall&, Object& next, const Object* before);
std::string more_of_campaign(const RestState&, const Object&);
void campaign_saved(RestState&, const RestCall&, Object&);
void campaign_removed(RestState&, const std::string& id);

}  // namespace hookswitch::simulator
