#pragma once

// What the members of a resource may be: one table for each, which creating, changing and showing go by.
//
// Source: Flireo protocol reference, section 7; 6 (PATCH: absent, null and a value are three things).

#include "daemon/core/era.hpp"
#include "daemon/core/json.hpp"
#include "daemon/simulator/object.hpp"
#include "daemon/simulator/rest_error.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace hookswitch::simulator {

enum class Kind {
    text,
    name,  // text that is not empty
    boolean,
    integer,  // within `least` and `most`
    object,
    texts,      // array of strings, at most `most`, each one of `choices` if there are any
    phone,      // E.164
    url,        // http or https
    https_url,  // https
    clock,      // HH:MM:SS
    choice,     // one of `choices`
};

// What else there is to a member; a set.
enum Trait : unsigned {
    kRequired = 1,
    kNullable = 2,
    kWriteOnly = 4,    // taken, never given back
    kGiven = 8,        // by the platform; ignored in what a client sends
    kUpdateOnly = 16,  // ignored when it is created
};

enum EraSet : unsigned { kCamel = 1, kSnake = 2, kLate = 4, kBeforeLate = 3, kSinceSnake = 6, kEveryEra = 7 };

inline bool has(EraSet eras, Era era) { return (eras & 1u << static_cast<unsigned>(era)) != 0; }

struct Field {
    std::string_view name;
    Kind kind = Kind::text;
    unsigned traits = 0;
    std::string_view initial = "null";  // JSON, when it is not given
    EraSet eras = kEveryEra;
    std::string_view choices = {};  // "udp|tcp|tls"
    std::int64_t least = 0, most = INT64_MAX;
    std::string_view alias = {};  // also read under this name, and shown under it since the snake era
};

using Fields = std::span<const Field>;

/// What a client sent, and how strictly it is read.
struct Sent {
    simdjson::dom::object body;
    Era era = Era::camel;
    bool refuse_unknown = false;  // members that no field has
};

/// The members of a new object. No id yet.
RestResult<Object> create(Fields fields, const Sent& sent);

/// Changes what is there; null clears it. On an error nothing is changed.
RestResult<> change(Object& object, Fields fields, const Sent& sent);

/// What a client may see, without braces' envelope: {"id":..}.
std::string shown(const Object& object, Fields fields, Era era);

/// Whether a provider of `llm_config` hears and speaks itself, without stt_config and tts_config (7.1).
bool is_realtime(std::string_view provider);

/// Whether "a|b|c" has it.
bool is_choice(std::string_view choices, std::string_view text);

}  // namespace hookswitch::simulator
