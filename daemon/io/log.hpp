#pragma once

// Log lines for a person with grep: one constant name, then what varied.
//
//     log::info("reply.sent", kv("seq", 17), kv("kind", "tool-calls"), kv("ms", 42));
//     reply.sent seq=17 kind=tool-calls ms=42
//
// The name never contains a value, so it can be counted; values are quoted when they must be, so
// text from the network cannot forge a line. A Secret does not convert to a value: it won't compile.
// A telephone number goes through log::number, and what somebody said through log::said, which hide it
// unless log.redact is off. Then, too, whatever looks like a telephone number is masked in every other value:
// in call ids, in what handlers write and in error messages.
//
// Of warnings and errors that say the same, 30 are written in a minute, and then how many more there were:
// the same name and reason, with `suppressed`.
//
// Before start() and after stop() lines are written at once, by whoever logs. Any thread may log.

#include "daemon/core/result.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <concepts>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace hookswitch::log {

enum class Level { debug, info, warn, error };
enum class Format { automatic, text, json, journald };

/// "auto", "text", "json", "journald".
std::optional<Format> format_named(std::string_view name);

struct Settings {
    Level level = Level::info;
    Format format = Format::automatic;  // text on a terminal, journald under systemd, else json
    bool redact = true;                 // telephone numbers stay out of the log

    bool operator==(const Settings&) const = default;
};

/// Applies the settings and moves writing to a thread of its own, behind a bounded queue that drops
/// its oldest lines rather than hold up a call, and says so (log.dropped). A second call changes the
/// settings.
void start(const Settings& settings);

/// Whatever start() says from now on: the command line goes before the configuration. nullopt: as it says.
void fix_format(std::optional<Format> format);

/// Writes out what is queued and stops the thread. start() may be called again.
void stop();

bool enabled(Level level) noexcept;

/// Says what was held back of lines that repeat, if their minute is over. To be called now and then; every
/// line that is written does so too.
void tick();

/// For a command that tells of its log itself: lines, without time and level, go to
/// `take` instead, at once, on the thread that writes them. Not after start(); undone by stop().
void capture(std::function<void(std::string_view line)> take);

template <class T>
concept Loggable = std::convertible_to<const T&, std::string_view> || fmt::is_formattable<T>::value;

/// `key` is a constant in lower case with underscores, never "time", "level" or "event", which every
/// line has already.
struct Field {
    std::string_view key;
    std::string value;
    bool quoted = true;  // in JSON; false for numbers and booleans
};

/// True if fmt writes `value` as JSON does: numbers and booleans, but no characters, inf or nan.
template <class T>
bool is_json_number(const T& value) {
    if constexpr (std::floating_point<T>)
        return std::isfinite(value);
    else
        return std::is_arithmetic_v<T> && !std::same_as<T, char>;
}

template <Loggable T>
Field kv(std::string_view key, const T& value) {
    if constexpr (std::convertible_to<const T&, std::string_view>)
        return {key, std::string(std::string_view(value)), true};
    else
        return {key, fmt::to_string(value), !is_json_number(value)};
}

/// A telephone number: "+31*******78" while log.redact is on.
Field number(std::string_view key, std::string_view value);

/// What a person said or a handler answered: only its length while log.redact is on.
Field said(std::string_view key, std::string_view value);

/// The same text with every telephone number in it masked; nullopt: there is none.
std::optional<std::string> masked_numbers(std::string_view text);

/// "+31*******78": the first three and the last two characters, enough to tell calls apart.
std::string masked_number(std::string_view value);

/// "debug", "info", "warn", "error".
std::string_view name_of(Level level);

void write(Level level, std::string_view name, std::span<const Field> fields);

// The forms of a line, without its newline. In all of them a value longer than 8 KiB is cut.

/// Text without level and time: what a terminal shows after them. Values are escaped as far as they
/// could end the line, move the cursor or reverse what follows.
std::string as_text(std::string_view name, std::span<const Field> fields);

/// {"time":..,"level":..,"event":name,..}; always valid JSON, bytes that are not UTF-8 become U+FFFD.
std::string as_json(std::string_view time, Level level, std::string_view name, std::span<const Field> fields);

/// One datagram of journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): MESSAGE first, as
/// as_text, then PRIORITY, SYSLOG_IDENTIFIER, HOOKSWITCH_EVENT and every field as HOOKSWITCH_<KEY>.
std::string as_journal_entry(Level level, std::string_view name, std::span<const Field> fields);

// error: a person must act. warn: we coped, but look. info: one line per event. debug: why.
// Macros would save building fields for a level that is off; a check at the call site of a hot path
// (`if (log::enabled(Level::info))`) says it plainly.
template <class... F>
void error(std::string_view name, const F&... fields) {
    const Field all[] = {fields..., Field{}};
    write(Level::error, name, {all, sizeof...(fields)});
}
template <class... F>
void warn(std::string_view name, const F&... fields) {
    const Field all[] = {fields..., Field{}};
    write(Level::warn, name, {all, sizeof...(fields)});
}
template <class... F>
void info(std::string_view name, const F&... fields) {
    const Field all[] = {fields..., Field{}};
    write(Level::info, name, {all, sizeof...(fields)});
}
template <class... F>
void debug(std::string_view name, const F&... fields) {
    const Field all[] = {fields..., Field{}};
    write(Level::debug, name, {all, sizeof...(fields)});
}

}  // namespace hookswitch::log
