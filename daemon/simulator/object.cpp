#include "daemon/simulator/object.hpp"

#include <algorithm>

namespace hookswitch::simulator {

namespace dom = simdjson::dom;

std::optional<std::string> string_in(std::string_view json) {
    if (!json.starts_with('"')) return std::nullopt;
    if (json.find('\\') == std::string_view::npos) return std::string(json.substr(1, json.size() - 2));
    const auto document = Document::parse(json);
    std::string_view value;
    if (!document || document->root().get(value)) return std::nullopt;
    return std::string(value);
}

std::string merged(std::string_view base, std::string_view over) {
    const auto lower = Document::parse(base), upper = Document::parse(over);
    dom::object below, above;
    if (!lower || lower->root().get(below) || !upper || upper->root().get(above)) return std::string(base);
    ObjectText result;
    const auto add = [&result](std::string_view key, dom::element value) {
        std::string text;
        append_json(text, value);
        result.json(key, text);
    };
    for (const auto& [key, value] : below)
        if (dom::element replaced; above.at_key(key).get(replaced)) add(key, value);
    for (const auto& [key, value] : above) add(key, value);
    return result.finish();
}

std::string_view Object::json(std::string_view name) const {
    const auto found = std::ranges::find(members_, name, [](const auto& member) { return member.first; });
    return found == members_.end() ? "null" : std::string_view(found->second);
}

std::optional<std::string> Object::text(std::string_view name) const { return string_in(json(name)); }

std::int64_t Object::number(std::string_view name) const {
    const auto document = Document::parse(json(name));
    std::int64_t value = 0;
    return document && !document->root().get(value) ? value : 0;
}

void Object::set(std::string_view name, std::string json) {
    const auto found = std::ranges::find(members_, name, [](const auto& member) { return member.first; });
    if (found != members_.end())
        found->second = std::move(json);
    else
        members_.emplace_back(name, std::move(json));
}

Object& Collection::add(Object object) {
    const auto place = objects_.insert(objects_.end(), std::move(object));
    by_id_.emplace(place->id(), place);
    return *place;
}

Object* Collection::find(std::string_view id) {
    const auto found = by_id_.find(std::string(id));
    return found == by_id_.end() ? nullptr : &*found->second;
}

const Object* Collection::find(std::string_view id) const {
    const auto found = by_id_.find(std::string(id));
    return found == by_id_.end() ? nullptr : &*found->second;
}

bool Collection::remove(std::string_view id) {
    const auto found = by_id_.find(std::string(id));
    if (found == by_id_.end()) return false;
    objects_.erase(found->second);
    by_id_.erase(found);
    return true;
}

}  // namespace hookswitch::simulator
