#include "daemon/simulator/schema.hpp"

#include "daemon/core/call_command.hpp"

#include <algorithm>
#include <optional>

namespace hookswitch::simulator {
namespace {

namespace dom = simdjson::dom;

// What is wrong with a value, as the end of a sentence that begins with its name; nullopt: nothing.
using Wrong = std::optional<std::string>;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_clock(std::string_view text) {
    constexpr std::string_view kForm = "00:00:00";
    if (text.size() != kForm.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (kForm[i] == '0' ? !is_digit(text[i]) : text[i] != kForm[i]) return false;
    return text.substr(0, 2) < "24" && text.substr(3, 2) < "60" && text.substr(6) < "60";
}

bool is_url(std::string_view text, bool https_only) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (scheme == "http://" && https_only) continue;
        if (text.starts_with(scheme) && text.size() > scheme.size() && text[scheme.size()] != '/')
            return true;
    }
    return false;
}

Wrong wrong_choice(const Field& field) {
    std::string names(field.choices);
    std::ranges::replace(names, '|', ' ');
    return "must be one of: " + names;
}

Wrong wrong_text(const Field& field, std::string_view text) {
    switch (field.kind) {
        case Kind::name: return text.empty() ? Wrong("must not be empty") : std::nullopt;
        case Kind::phone:
            return is_e164(text) ? std::nullopt : Wrong("must be in E.164 format (+31612345678)");
        case Kind::url:
            return is_url(text, false) ? std::nullopt : Wrong("must be an http:// or https:// URL");
        case Kind::https_url: return is_url(text, true) ? std::nullopt : Wrong("must be an https:// URL");
        case Kind::clock: return is_clock(text) ? std::nullopt : Wrong("must be a time such as 09:00:00");
        case Kind::choice: return is_choice(field.choices, text) ? std::nullopt : wrong_choice(field);
        default: return std::nullopt;
    }
}

Wrong wrong_texts(const Field& field, dom::element value) {
    dom::array array;
    if (value.get(array)) return "must be an array of strings";
    std::int64_t size = 0;
    for (const dom::element item : array) {
        std::string_view text;
        if (item.get(text)) return "must be an array of strings";
        if (!field.choices.empty() && !is_choice(field.choices, text)) return wrong_choice(field);
        ++size;
    }
    return size > field.most ? Wrong("must not have more than " + std::to_string(field.most) + " elements")
                             : std::nullopt;
}

Wrong wrong_integer(const Field& field, dom::element value) {
    std::int64_t number = 0;
    if (value.get(number)) return "must be an integer";
    if (number >= field.least && number <= field.most) return std::nullopt;
    if (field.most == INT64_MAX) return "must be at least " + std::to_string(field.least);
    return "must be between " + std::to_string(field.least) + " and " + std::to_string(field.most);
}

Wrong wrong(const Field& field, dom::element value) {
    std::string_view text;
    switch (field.kind) {
        case Kind::boolean: return value.is_bool() ? std::nullopt : Wrong("must be a boolean");
        case Kind::integer: return wrong_integer(field, value);
        case Kind::object: return value.is_object() ? std::nullopt : Wrong("must be an object");
        case Kind::texts: return wrong_texts(field, value);
        default: return value.get(text) ? Wrong("must be a string") : wrong_text(field, text);
    }
}

std::optional<dom::element> member(const dom::object& body, const Field& field) {
    dom::element value;
    if (!body.at_key(field.name).get(value)) return value;
    if (!field.alias.empty() && !body.at_key(field.alias).get(value)) return value;
    return std::nullopt;
}

RestResult<std::string> checked(const Field& field, dom::element value) {
    if (value.is_null()) {
        if (field.traits & kRequired) return missing(field.name);
        if (!(field.traits & kNullable)) return invalid(field.name, "must not be null");
        return std::string("null");
    }
    if (const Wrong what = wrong(field, value)) return invalid(field.name, *what);
    std::string text;
    append_json(text, value);
    return text;
}

RestResult<> refuse_unknown(Fields fields, const Sent& sent) {
    for (const auto& [key, value] : sent.body) {
        const bool known = std::ranges::any_of(fields, [&, name = key](const Field& field) {
            return has(field.eras, sent.era) && (field.name == name || field.alias == name);
        });
        if (!known) return invalid(key, "is not a known member");
    }
    return {};
}

bool is_taken(const Field& field, const Sent& sent) {
    return has(field.eras, sent.era) && !(field.traits & kGiven);
}

}  // namespace

bool is_realtime(std::string_view provider) {
    return provider.ends_with("_realtime") || provider == "openai_live";
}

bool is_choice(std::string_view choices, std::string_view text) {
    while (!choices.empty()) {
        const auto end = std::min(choices.find('|'), choices.size());
        if (choices.substr(0, end) == text) return true;
        choices.remove_prefix(std::min(end + 1, choices.size()));
    }
    return false;
}

RestResult<Object> create(Fields fields, const Sent& sent) {
    if (sent.refuse_unknown)
        if (auto r = refuse_unknown(fields, sent); !r) return r.error();
    Object object;
    for (const Field& field : fields) {
        if (!has(field.eras, sent.era)) continue;
        const auto value =
            is_taken(field, sent) && !(field.traits & kUpdateOnly) ? member(sent.body, field) : std::nullopt;
        if (!value && field.traits & kRequired) return missing(field.name);
        if (!value) {
            object.set(field.name, std::string(field.initial));
            continue;
        }
        TRY(auto text, checked(field, *value));
        object.set(field.name, std::move(text));
    }
    return object;
}

RestResult<> change(Object& object, Fields fields, const Sent& sent) {
    if (sent.refuse_unknown)
        if (auto r = refuse_unknown(fields, sent); !r) return r.error();
    Object next = object;
    for (const Field& field : fields) {
        const auto value = is_taken(field, sent) ? member(sent.body, field) : std::nullopt;
        if (!value) continue;
        TRY(auto text, checked(field, *value));
        next.set(field.name, std::move(text));
    }
    object = std::move(next);
    return {};
}

std::string shown(const Object& object, Fields fields, Era era) {
    ObjectText text;
    for (const Field& field : fields) {
        if (!has(field.eras, era) || field.traits & kWriteOnly) continue;
        text.json(field.name, object.json(field.name));
        const bool is_agent = field.alias == "assistant_id" && era != Era::camel;
        if (is_agent) text.json(field.alias, object.json(field.name));
    }
    return text.finish();
}

}  // namespace hookswitch::simulator
