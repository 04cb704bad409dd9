// The engine: create, list, get, update and delete for every resource of the table.

#include "daemon/simulator/resource.hpp"

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

const Resource& resource_of(const RestCall& call) { return *find_resource(call.operation->resource); }

Sent sent_in(const RestState& state, dom::object body) {
    return {body, state.settings.era, state.settings.refuse_unknown};
}

RestOutcome list(RestState& state, const RestCall& call) {
    const Resource& resource = resource_of(call);
    std::string items = "[";
    for (const Object& object : state.*resource.items) {
        if (items.size() > 1) items += ',';
        items += resource.brief ? resource.brief(object) : shown(state, resource, object);
    }
    return RestDone{200, in_envelope(state, call, items + ']')};
}

RestOutcome create_one(RestState& state, const RestCall& call) {
    const Resource& resource = resource_of(call);
    TRY(Object object, make(state, call, resource.fields, call.body));
    if (resource.check)
        if (auto r = resource.check(state, call, object, nullptr); !r) return r.error();
    Object& kept = (state.*resource.items).add(std::move(object));
    if (resource.saved) resource.saved(state, call, kept);
    return created(state, in_envelope(state, call, shown(state, resource, kept)));
}

RestOutcome get(RestState& state, const RestCall& call) {
    const Resource& resource = resource_of(call);
    const Object* object = (state.*resource.items).find(call.ids.front());
    if (!object) return not_found(resource.what);
    return RestDone{200, in_envelope(state, call, shown(state, resource, *object))};
}

RestOutcome update(RestState& state, const RestCall& call) {
    const Resource& resource = resource_of(call);
    Object* object = (state.*resource.items).find(call.ids.front());
    if (!object) return not_found(resource.what);
    Object next = *object;
    if (auto r = change(next, resource.fields, sent_in(state, call.body)); !r) return r.error();
    if (resource.check)
        if (auto r = resource.check(state, call, next, object); !r) return r.error();
    next.set_time("updated_at", call.now);
    *object = std::move(next);
    if (resource.saved) resource.saved(state, call, *object);
    return RestDone{200, in_envelope(state, call, shown(state, resource, *object))};
}

RestOutcome remove(RestState& state, const RestCall& call) {
    const Resource& resource = resource_of(call);
    const Object* object = (state.*resource.items).find(call.ids.front());
    if (!object) return not_found(resource.what);
    if (resource.may_delete)
        if (auto r = resource.may_delete(state, *object); !r) return r.error();
    (state.*resource.items).remove(call.ids.front());
    if (resource.removed) resource.removed(state, call.ids.front());
    return deleted(state);
}

}  // namespace

RestResult<Object> make(RestState& state, const RestCall& call, Fields fields, dom::object body) {
    TRY(Object object, create(fields, sent_in(state, body)));
    object.set_text("id", state.new_id());
    object.set_text("org_id", state.organization_id);
    object.set_time("created_at", call.now);
    object.set_time("updated_at", call.now);
    return object;
}

std::string in_envelope(const RestState& state, const RestCall& call, std::string_view json) {
    const auto envelope = call.operation->answer.envelope_in(state.settings.era);
    return ObjectText().json(envelope, json).finish();
}

std::string shown(const RestState& state, const Resource& resource, const Object& object) {
    std::string text = shown(object, resource.fields, state.settings.era);
    const std::string more = resource.more ? resource.more(state, object) : "";
    if (!more.empty()) text.replace(text.size() - 1, 1, ',' + more + '}');
    return text;
}

RestFunction resource_function(std::string_view resource, std::string_view verb) {
    if (!find_resource(resource)) return nullptr;
    if (verb == "list") return list;
    if (verb == "create") return create_one;
    if (verb == "get") return get;
    if (verb == "update") return update;
    if (verb == "delete") return remove;
    return nullptr;
}

}  // namespace hookswitch::simulator
