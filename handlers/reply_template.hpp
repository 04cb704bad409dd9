#pragma once

// Answers with holes in them. A template is JSON text whose strings name fields of the event:
//
//     {"result": {"text": "Hello ${called_name:-there}", "guests": "${tool_call.arguments.guests}"}}
//
// `${path}` is a field of the normalised event (outer contract, section 4); `${path:-text}` gives
// `text` where the field is absent, null or empty. A string that is one placeholder and nothing else
// becomes the field itself, a number stays a number, and without a default an absent one is null.
// Within a longer string the field is inserted as text, objects and arrays as JSON text, an absent
// one as nothing. `$${` stands for `${`. `{{...}}` belongs to the platform and passes through.
// Member names are never templates.
//
// All of it is cut up once, when the configuration is read. What the event brings can only ever land
// inside a JSON string or be a whole JSON value, so no caller can change the shape of an answer.

#include "daemon/core/json.hpp"
#include "daemon/core/result.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

struct ReplyMistake;

/// Where a field of the normalised event is: "tool_call.arguments.guests", "report.messages.0.content".
class FieldPath {
public:
    /// Errc::invalid_config if the outer contract has no such field, naming the nearest one. What the
    /// platform's users name themselves (arguments, metadata, assistant, analysis) is not checked.
    static Result<FieldPath> parse(std::string_view dotted);

    /// nullopt: absent or null.
    std::optional<simdjson::dom::element> find(simdjson::dom::element event) const;

private:
    struct Step {
        std::string key;
        std::optional<std::size_t> index;  // the key as a number, for arrays
    };
    std::vector<Step> steps_;
};

/// A compiled template. Not changed once compiled, so any thread may render it.
class ReplyTemplate {
public:
    /// Compiles a JSON object. Every fault is added to `mistakes` under `key` and the member's path.
    static ReplyTemplate compile(std::string_view json, const std::string& key,
                                 std::vector<ReplyMistake>& mistakes);

    /// True if the answer is the same for every event; then text() is it.
    bool fixed() const { return slots_.empty(); }
    const std::string& text() const { return text_; }

    /// The answer for one event in its normalised form.
    std::string render(simdjson::dom::element event) const;

private:
    friend class TemplateCompiler;

    struct Slot {
        std::size_t at;  // in text_, where the value goes
        FieldPath field;
        std::optional<std::string> otherwise;
        bool whole;  // the value itself rather than text within a string
    };

    static void append(std::string& out, const Slot& slot, simdjson::dom::element event);

    std::string text_;  // all literal JSON, one piece after the other
    std::vector<Slot> slots_;
};

}  // namespace hookswitch
