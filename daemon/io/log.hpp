#pragma once

// Log lines for a person with grep: one constant name, then what varied.
//
//     log::info("reply.sent", kv("seq", 17), kv("kind", "tool-calls"), kv("ms", 42));
//     reply.sent seq=17 kind=tool-calls ms=42
//
// The name never contains a value, so it can be counted; values are quoted when they must be, so
// text from the network cannot forge a line. A Secret does not convert to a value: it won't compile.
// A telephone number goes through log::number, which hides it unless log.redact is off.
//
// Before start() and after stop() lines are written at once, by whoever logs. Any thread may log.

#include "daemon/core/result.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace hookswitch::log {

enum class Level { debug, info, warn, error };
enum class Format { automatic, text, json, journald };

struct Settings {
    Level level = Level::info;
    Format format = Format::automatic;  // text on a terminal, journald under systemd, else json
    bool redact = true;                 // telephone numbers stay out of the log

    bool operator==(const Settings&) const = default;
};

/// Applies the settings and moves writing to a thread of its own, behind a bounded queue that drops
/// its oldest lines rather than hold up a call, and says so (log.dropped). A second call only changes
/// level and redaction.
void start(const Settings& settings);

/// Writes out what is queued and stops the thread. start() may be called again.
void stop();

bool enabled(Level level) noexcept;

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
