#pragma once

// The handler without code: fixed or templated answers, chosen by opening hours, lists of numbers
// and any field of the event.

#include "handlers/handler.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hookswitch {

/// One test on one field of the normalised event ("tool_call.arguments.party_size"). All that is set
/// must hold. Text, numbers, true and false can be compared; an object, an array, null and an absent
/// field meet nothing but `exists`.
struct FieldCondition {
    std::string path;                         // dotted
    std::vector<std::string> any_of;          // globs; a number is also met by an equal one: "8" by 8.0
    std::optional<double> at_least, at_most;  // text meets them too if it is a number: "8"
    std::optional<bool> exists;               // present and not null
};

/// All that is set must hold.
struct ReplyConditions {
    std::optional<bool> open;        // inside the handler's hours and not on a holiday
    std::vector<std::string> hours;  // "Mon-Fri 09:00-17:30"; any of them, holidays or not
    std::optional<std::filesystem::path> caller_list, called_list;
    std::vector<FieldCondition> fields;

    bool empty() const { return !open && hours.empty() && !caller_list && !called_list && fields.empty(); }
};

struct ReplyCase {
    ReplyConditions when, unless;
    std::string reply;  // JSON text, with templates in its strings
};

struct ReplySettings {
    std::string timezone = "UTC";                                            // IANA name
    std::vector<std::string> hours;                                          // empty: always open
    std::variant<std::vector<std::string>, std::filesystem::path> holidays;  // dates, or a file of them
    std::vector<ReplyCase> cases;                                            // the first that holds answers
    std::string reply;  // JSON text for when none does; empty: no answer
};

/// Where a mistake in ReplySettings is: a dotted key such as "case[1].when.hours[0]" and the sentence.
struct ReplyMistake {
    std::string key;
    std::string what;
};

/// Compiles the settings: reads lists and holidays, resolves the time zone, parses hours and
/// templates. On failure `mistakes` has every fault and the result is null.
/// The handler answers inside handle(), on the calling thread, and is thread-safe.
std::shared_ptr<Handler> make_reply_handler(
    const ReplySettings& settings, std::vector<ReplyMistake>& mistakes,
    std::function<std::chrono::system_clock::time_point()> clock = std::chrono::system_clock::now);

}  // namespace hookswitch
