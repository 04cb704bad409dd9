// The three forms of a log line. Pure text; what is dangerous in a value is decided here.

#include "daemon/io/log.hpp"

#include <algorithm>
#include <cstdint>

namespace hookswitch::log {
namespace {

constexpr std::size_t kMaxValue = 8192;  // a whole traceback line, but not a whole transcript
constexpr char32_t kInvalid = 0xFFFFFFFF;

// Takes one code point off the front of `text`; kInvalid and one byte if there is none.
char32_t take_code_point(std::string_view& text) {
    auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    auto taken = [&](char32_t c, std::size_t size) {
        text.remove_prefix(size);
        return c;
    };
    const unsigned lead = byte(0);
    if (lead < 0x80) return taken(lead, 1);
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || size > text.size()) return taken(kInvalid, 1);
    char32_t c = lead & (0xFFu >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return taken(kInvalid, 1);
        c = c << 6 | (byte(i) & 0x3Fu);
    }
    constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    if (c < kSmallest[size] || c > 0x10FFFF || surrogate) return taken(kInvalid, 1);
    return taken(c, size);
}

// What a terminal or an editor obeys instead of showing: C1 controls, line and paragraph separators,
// marks and overrides of the writing direction.
bool commands_the_reader(char32_t c) {
    return (c >= 0x80 && c <= 0x9F) || c == 0x2028 || c == 0x2029 || c == 0x200E || c == 0x200F ||
           c == 0x061C || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

std::string_view limited(std::string_view value) {
    if (value.size() <= kMaxValue) return value;
    std::size_t end = kMaxValue;
    while (end > kMaxValue - 4 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
    return value.substr(0, end);
}

void append_text_value(std::string& line, std::string_view value) {
    const bool plain = !value.empty() && value.size() <= kMaxValue &&
                       std::all_of(value.begin(), value.end(), [](unsigned char c) {
                           return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
                       });
    if (plain) {
        line += value;
        return;
    }
    line += '"';
    auto rest = limited(value);
    while (!rest.empty()) {
        const std::string_view at = rest;
        const char32_t c = take_code_point(rest);
        if (c == '"' || c == '\\')
            line.append({'\\', static_cast<char>(c)});
        else if (c == kInvalid || c < ' ' || c == 0x7f)
            line += fmt::format("\\x{:02x}", static_cast<unsigned char>(at[0]));
        else if (commands_the_reader(c))
            line += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            line += at.substr(0, at.size() - rest.size());
    }
    if (value.size() > kMaxValue) line += "...";
    line += '"';
}

void append_json_value(std::string& line, std::string_view value) {
    line += '"';
    auto rest = limited(value);
    while (!rest.empty()) {
        const std::string_view at = rest;
        const char32_t c = take_code_point(rest);
        if (c == kInvalid)
            line += "\xEF\xBF\xBD";
        else if (c == '"' || c == '\\')
            line.append({'\\', static_cast<char>(c)});
        else if (c == '\n')
            line += "\\n";
        else if (c < ' ' || c == 0x7f || commands_the_reader(c))
            line += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            line += at.substr(0, at.size() - rest.size());
    }
    if (value.size() > kMaxValue) line += "...";
    line += '"';
}

void append_journal_field(std::string& entry, std::string_view key, std::string_view value) {
    value = limited(value);
    entry += key;
    if (value.find('\n') == std::string_view::npos) {
        entry.append("=").append(value).append("\n");
        return;
    }
    entry += '\n';
    for (int shift = 0; shift < 64; shift += 8)  // little-endian length
        entry += static_cast<char>(static_cast<std::uint64_t>(value.size()) >> shift & 0xFF);
    entry.append(value).append("\n");
}

// journald takes A-Z, 0-9 and _, and at most 64 characters.
std::string journal_key(std::string_view key) {
    std::string result = "HOOKSWITCH_";
    for (char c : key.substr(0, 64 - result.size())) {
        const bool lower = c >= 'a' && c <= 'z';
        const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        result += lower ? static_cast<char>(c - ('a' - 'A')) : kept ? c : '_';
    }
    return result;
}

char priority(Level level) {  // as in syslog
    switch (level) {
        case Level::debug: return '7';
        case Level::info: return '6';
        case Level::warn: return '4';
        case Level::error: break;
    }
    return '3';
}

}  // namespace

std::string_view name_of(Level level) {
    switch (level) {
        case Level::debug: return "debug";
        case Level::info: return "info";
        case Level::warn: return "warn";
        case Level::error: break;
    }
    return "error";
}

std::optional<Format> format_named(std::string_view name) {
    if (name == "auto") return Format::automatic;
    if (name == "text") return Format::text;
    if (name == "json") return Format::json;
    if (name == "journald") return Format::journald;
    return std::nullopt;
}

std::string as_text(std::string_view name, std::span<const Field> fields) {
    std::string line(name);
    for (const auto& field : fields) {
        line.append(" ").append(field.key).append("=");
        append_text_value(line, field.value);
    }
    return line;
}

std::string as_json(std::string_view time, Level level, std::string_view name,
                    std::span<const Field> fields) {
    std::string line;
    line.append("{\"time\":\"").append(time).append("\",\"level\":\"").append(name_of(level));
    line.append("\",\"event\":\"").append(name).append("\"");
    for (const auto& field : fields) {
        line.append(",\"").append(field.key).append("\":");
        if (field.quoted)
            append_json_value(line, field.value);
        else
            line += field.value;
    }
    line += '}';
    return line;
}

std::string as_journal_entry(Level level, std::string_view name, std::span<const Field> fields) {
    std::string entry = "MESSAGE=" + as_text(name, fields) + "\nPRIORITY=";
    entry += priority(level);
    entry += "\nSYSLOG_IDENTIFIER=hookswitch\n";
    append_journal_field(entry, "HOOKSWITCH_EVENT", name);
    for (const auto& field : fields) append_journal_field(entry, journal_key(field.key), field.value);
    return entry;
}

}  // namespace hookswitch::log
