#pragma once

// What the local platform keeps: objects whose members stay the JSON text that they came as, so that what
// a client stores is what it gets back, in whatever shape.

#include "daemon/core/iso_time.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/object_text.hpp"

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hookswitch::simulator {

/// What a JSON string says; nullopt: it is not one.
std::optional<std::string> string_in(std::string_view json);

/// The object `base` with the members of `over` in their places (a shallow merge, protocol 3.1).
std::string merged(std::string_view base, std::string_view over);

class Object {
public:
    /// JSON; "null" for what is not there.
    std::string_view json(std::string_view name) const;
    std::optional<std::string> text(std::string_view name) const;  // nullopt: null, or not a string
    std::int64_t number(std::string_view name) const;              // 0: not an integer
    bool flag(std::string_view name) const { return json(name) == "true"; }
    bool has(std::string_view name) const { return json(name) != "null"; }
    std::string id() const { return text("id").value_or(""); }

    /// `name` is static text.
    void set(std::string_view name, std::string json);
    void set_text(std::string_view name, std::string_view text) { set(name, json_string(text)); }
    void set_number(std::string_view name, std::int64_t n) { set(name, std::to_string(n)); }
    void set_time(std::string_view name, Milliseconds time) { set_text(name, iso_time(time)); }

private:
    std::vector<std::pair<std::string_view, std::string>> members_;
};

/// Objects in order of creation, found by id.
class Collection {
public:
    Object& add(Object object);  // has an id of its own
    Object* find(std::string_view id);
    const Object* find(std::string_view id) const;
    bool remove(std::string_view id);

    auto begin() { return objects_.begin(); }
    auto end() { return objects_.end(); }
    auto begin() const { return objects_.begin(); }
    auto end() const { return objects_.end(); }
    std::size_t size() const { return objects_.size(); }

private:
    std::list<Object> objects_;
    std::unordered_map<std::string, std::list<Object>::iterator> by_id_;
};

}  // namespace hookswitch::simulator
