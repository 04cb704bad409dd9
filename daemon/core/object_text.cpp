#include "daemon/core/object_text.hpp"

#include "daemon/core/json.hpp"

#include <utility>

namespace hookswitch {

void ObjectText::begin(std::string_view name) {
    if (text_.size() > 1) text_ += ',';
    append_json_string(text_, name);
    text_ += ':';
}

ObjectText& ObjectText::json(std::string_view name, std::string_view value) {
    begin(name);
    text_ += value;
    return *this;
}

ObjectText& ObjectText::text(std::string_view name, std::string_view value) {
    begin(name);
    append_json_string(text_, value);
    return *this;
}

ObjectText& ObjectText::text_or_null(std::string_view name, std::optional<std::string_view> value) {
    return value ? text(name, *value) : json(name, "null");
}

ObjectText& ObjectText::text_if(std::string_view name, std::optional<std::string_view> value) {
    return value ? text(name, *value) : *this;
}

ObjectText& ObjectText::number(std::string_view name, std::int64_t value) {
    return json(name, std::to_string(value));
}

ObjectText& ObjectText::flag(std::string_view name, bool value) {
    return json(name, value ? "true" : "false");
}

ObjectText& ObjectText::time(std::string_view name, std::optional<Milliseconds> value) {
    return value ? text(name, iso_time(*value)) : json(name, "null");
}

ObjectText& ObjectText::members(std::string_view members) {
    if (members.empty()) return *this;
    if (text_.size() > 1) text_ += ',';
    text_ += members;
    return *this;
}

std::string ObjectText::finish() { return std::move(text_ += '}'); }

std::string json_strings(const std::vector<std::string>& values) {
    std::string text = "[";
    for (const std::string& value : values) {
        if (text.size() > 1) text += ',';
        append_json_string(text, value);
    }
    return text + ']';
}

}  // namespace hookswitch
