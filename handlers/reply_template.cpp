#include "handlers/reply_template.hpp"

#include "handlers/reply.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <span>
#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

// The normalised event as the outer contract lists it. A field with a dot is one of the members of
// an object whose members are all known; "*" ends what is known.
// clang-format off
constexpr std::string_view kFields[] = {
    "id", "type", "source", "dialect", "sent_at", "received_at", "attempt", "deadline_ms",
    "call", "call.id", "call.direction", "call.status", "call.pipeline",
    "caller", "called", "called_name",
    "tool_call", "tool_call.id", "tool_call.name", "tool_call.arguments", "tool_call.arguments.*",
    "report", "report.duration_seconds", "report.summary", "report.end_reason", "report.started_at",
    "report.ended_at", "report.recording_url", "report.transcript_text",
    "report.messages", "report.messages.*", "report.analysis", "report.analysis.*",
    "error", "end_reason", "metadata", "metadata.*", "assistant", "assistant.*"};
// clang-format on

bool is_known(std::string_view path) {
    return std::ranges::any_of(kFields, [&](std::string_view field) {
        if (!field.ends_with('*')) return path == field;
        field.remove_suffix(1);
        return path.starts_with(field);
    });
}

// Levenshtein's distance: how many letters to add, drop or change.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto changed = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

std::string_view nearest_field(std::string_view path) {
    return *std::ranges::min_element(kFields, {}, [&](std::string_view field) {
        return field.ends_with('*') ? path.size() + field.size() : distance(path, field);
    });
}

// `text` as it stands inside a JSON string, between the quotes.
void append_escaped(std::string& out, std::string_view text) {
    const auto start = out.size();
    append_json_string(out, text);
    out.pop_back();
    out.erase(start, 1);
}

}  // namespace

Result<FieldPath> FieldPath::parse(std::string_view dotted) {
    if (dotted.empty() || dotted.ends_with('.') || dotted.starts_with('.') ||
        dotted.find("..") != dotted.npos)
        return fail(Errc::invalid_config, "'" + std::string(dotted) + "' is not the path of a field");
    if (!is_known(dotted))
        return fail(Errc::invalid_config, "'" + std::string(dotted) +
                                              "' is not a field of the event; did you mean '" +
                                              std::string(nearest_field(dotted)) + "'?");
    FieldPath path;
    while (true) {
        const auto dot = dotted.find('.');
        Step step{std::string(dotted.substr(0, dot)), {}};
        std::size_t index = 0;
        const char* end = step.key.data() + step.key.size();
        if (auto [stop, error] = std::from_chars(step.key.data(), end, index);
            error == std::errc() && stop == end)
            step.index = index;
        path.steps_.push_back(std::move(step));
        if (dot == dotted.npos) return path;
        dotted.remove_prefix(dot + 1);
    }
}

std::optional<dom::element> FieldPath::find(dom::element event) const {
    for (const auto& step : steps_) {
        if (dom::object object; !event.get(object)) {
            if (object.at_key(step.key).get(event)) return std::nullopt;
        } else if (dom::array array; step.index && !event.get(array)) {
            if (array.at(*step.index).get(event)) return std::nullopt;
        } else {
            return std::nullopt;
        }
    }
    if (event.is_null()) return std::nullopt;
    return event;
}

// Walks the JSON of a template once, writing literal text until a placeholder ends it.
class TemplateCompiler {
public:
    explicit TemplateCompiler(std::vector<ReplyMistake>& mistakes) : mistakes_(mistakes) {}

    void walk(dom::element value, const std::string& key) {
        if (dom::object object; !value.get(object))
            walk_object(object, key);
        else if (dom::array array; !value.get(array))
            walk_array(array, key);
        else if (std::string_view text; !value.get(text))
            walk_string(text, key);
        else
            append_json(out_.text_, value);
    }

    ReplyTemplate take() { return std::move(out_); }

private:
    void walk_object(dom::object object, const std::string& key) {
        out_.text_ += '{';
        for (bool first = true; const auto [name, member] : object) {
            if (!std::exchange(first, false)) out_.text_ += ',';
            append_json_string(out_.text_, name);
            out_.text_ += ':';
            walk(member, key + "." + std::string(name));
        }
        out_.text_ += '}';
    }

    void walk_array(dom::array array, const std::string& key) {
        out_.text_ += '[';
        for (std::size_t index = 0; const auto item : array) {
            if (index > 0) out_.text_ += ',';
            walk(item, key + "[" + std::to_string(index++) + "]");
        }
        out_.text_ += ']';
    }

    void walk_string(std::string_view text, const std::string& key) {
        if (text.starts_with("${") && text.find('}') == text.size() - 1) {
            add_slot(text.substr(2, text.size() - 3), true, key);
            return;
        }
        out_.text_ += '"';
        while (!text.empty()) {
            const auto at = text.find('$');
            append_escaped(out_.text_, text.substr(0, at));
            text.remove_prefix(std::min(at, text.size()));
            if (text.starts_with("$${")) {
                out_.text_ += "${";
                text.remove_prefix(3);
            } else if (text.starts_with("${")) {
                const auto end = text.find('}');
                if (end == text.npos) return mistake(key, "'" + std::string(text) + "' has no closing brace");
                add_slot(text.substr(2, end - 2), false, key);
                text.remove_prefix(end + 1);
            } else if (!text.empty()) {
                out_.text_ += '$';
                text.remove_prefix(1);
            }
        }
        out_.text_ += '"';
    }

    void add_slot(std::string_view placeholder, bool whole, const std::string& key) {
        if (placeholder.find("${") != placeholder.npos)
            return mistake(key,
                           "'${" + std::string(placeholder) + "}' has a placeholder within a placeholder");
        const auto colon = placeholder.find(":-");
        auto field = FieldPath::parse(placeholder.substr(0, colon));
        if (!field) return mistake(key, field.error().what());
        std::optional<std::string> otherwise;
        if (colon != placeholder.npos) otherwise = placeholder.substr(colon + 2);
        out_.slots_.push_back({out_.text_.size(), *std::move(field), std::move(otherwise), whole});
    }

    void mistake(const std::string& key, std::string what) { mistakes_.push_back({key, std::move(what)}); }

    ReplyTemplate out_;
    std::vector<ReplyMistake>& mistakes_;
};

ReplyTemplate ReplyTemplate::compile(std::string_view json, const std::string& key,
                                     std::vector<ReplyMistake>& mistakes) {
    auto document = Document::parse(json);
    if (!document) {
        mistakes.push_back({key, "is not JSON: " + document.error().what()});
        return {};
    }
    if (!document->root().is_object()) {
        mistakes.push_back({key, "must be a table"});
        return {};
    }
    TemplateCompiler compiler(mistakes);
    compiler.walk(document->root(), key);
    return compiler.take();
}

void ReplyTemplate::append(std::string& out, const Slot& slot, dom::element event) {
    const auto value = slot.field.find(event);
    std::string_view text;
    const bool is_text = value && !value->get(text);
    if (slot.otherwise && (!value || (is_text && text.empty()))) {
        slot.whole ? append_json_string(out, *slot.otherwise) : append_escaped(out, *slot.otherwise);
    } else if (slot.whole) {
        value ? append_json(out, *value) : void(out += "null");
    } else if (is_text) {
        append_escaped(out, text);
    } else if (value) {
        std::string json;
        append_json(json, *value);
        append_escaped(out, json);
    }
}

std::string ReplyTemplate::render(dom::element event) const {
    std::string out;
    out.reserve(text_.size() + 64 * slots_.size());
    std::size_t done = 0;
    for (const auto& slot : slots_) {
        out.append(text_, done, slot.at - done);
        append(out, slot, event);
        done = slot.at;
    }
    return out.append(text_, done);
}

}  // namespace hookswitch
