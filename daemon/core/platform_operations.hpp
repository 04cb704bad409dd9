#pragma once

// Every operation of the platform's REST API, in one table: what it is called here, its method and path,
// in which eras it exists, what it takes and what its answer is wrapped in. `hookswitch api` is made from
// it, and the local platform knows by it what it has to answer.
//
// The rows are in platform_table_*.cpp, one a line. A new operation is a new row.
//
// Source: Flireo protocol reference, section 8 (operations and eras), 6.1 (paging), 7 (fields).

#include "daemon/core/era.hpp"
#include "daemon/core/result.hpp"

#include <simdjson.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// Whether an era has something. `unknown`: no document says so, it may work. `alias`: it works, but has
/// a newer name.
enum class Presence { no, yes, alias, deprecated, unknown };

struct InEras {
    Presence camel = Presence::yes, snake = Presence::yes, late = Presence::yes;

    Presence at(Era era) const;
};

/// A member of a body, or a parameter of a query.
struct PlatformField {
    enum class Type {
        text,
        integer,
        boolean,
        texts,        // array of strings
        json,         // anything larger: an object, or an array of them
        secret,       // text that the platform never gives back
        secret_json,  // the same, for an object (header fields with keys in them)
    };

    std::string_view name;  // as the snake and late eras spell it
    Type type = Type::text;
    std::string_view what;  // one line for people
    bool required = false;  // to create; an update may leave out anything
    InEras in{};
    std::string_view camel{};   // the camel era's spelling, where it differs
    std::string_view option{};  // what people call it ("assistant-id"), where it is not the name with dashes

    std::string_view name_in(Era era) const { return era == Era::camel && !camel.empty() ? camel : name; }
    std::string option_name() const;
    bool is_secret() const { return type == Type::secret || type == Type::secret_json; }
};

/// What comes back.
struct PlatformAnswer {
    enum class Shape {
        list,   // an array of objects
        one,    // an object
        done,   // {"success":true}, or nothing at all (204)
        other,  // not documented
    };

    Shape shape = Shape::other;
    std::string_view envelope{};  // the member that holds it; empty: nothing around it
    std::string_view camel{};     // the camel era's spelling of the envelope, where it differs
    std::string_view also{};      // another one that documents show; accepted, never written

    std::string_view envelope_in(Era era) const {
        return era == Era::camel && !camel.empty() ? camel : envelope;
    }
};

struct PlatformOperation {
    enum class Body { none, optional, required };

    std::string_view resource, verb;  // "campaign-leads", "list"
    std::string_view method, path;    // "GET", "/campaigns/{campaign}/leads"
    InEras in;
    PlatformAnswer answer;
    Body body = Body::none;
    std::span<const PlatformField> fields{};  // of the body; others may be sent too
    std::span<const PlatformField> query{};
    std::string_view what{};  // for people; empty: what the verb says everywhere

    bool paged() const;  // takes `limit` and `offset`, answers with `pagination`
    bool authenticated() const { return path != "/health"; }

    /// The names in braces: {"campaign"}.
    std::vector<std::string_view> parameters() const;

    /// The path with its parameters, percent-encoded. Errc::bad_request for a wrong number of them, and
    /// for "", "." and "..".
    Result<std::string> path_with(std::span<const std::string> values) const;
};

struct PlatformResource {
    std::string_view name, what;
    std::string_view example;  // arguments of `hookswitch api`
};

/// In the order in which people should see them.
std::span<const PlatformResource> platform_resources();

/// All rows, of all eras, the ones of a resource next to each other.
std::span<const PlatformOperation> platform_operations();

std::vector<const PlatformOperation*> operations_in(Era era);

/// The row as it is called: null if there is none in any era.
const PlatformOperation* find_operation(std::string_view resource, std::string_view verb);

/// The same as it is in an era: `agents` and `assistants` are one resource under two names, and where an
/// era has only one of them it is that one. Null: the era has neither.
const PlatformOperation* find_operation(std::string_view resource, std::string_view verb, Era era);

/// The eras in which it exists: "camel, snake (alias)".
std::string eras_text(const InEras& in);

/// "yes", "no", "alias", "deprecated", "unknown".
std::string_view name_of(Presence presence);

/// What a request asks for. `path` is what follows the base URL's, still encoded, without a query.
struct MatchedOperation {
    const PlatformOperation* operation;
    std::vector<std::string> parameters;  // decoded, in the order of the path
};
std::optional<MatchedOperation> match_operation(std::string_view method, std::string_view path, Era era);

/// The methods that an era has for a path, for a 405; empty: the path is unknown.
std::vector<std::string_view> methods_of(std::string_view path, Era era);

/// The member of `reply` that holds the answer: the envelope of any era. Empty: there is nothing around it.
std::string_view envelope_of(const PlatformOperation& operation, simdjson::dom::element reply);

/// What the answer holds, out of its envelope. An answer of any other shape comes back as it is.
simdjson::dom::element unwrap(const PlatformOperation& operation, simdjson::dom::element reply);

}  // namespace hookswitch
