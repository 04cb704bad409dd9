#include "daemon/events_common.hpp"

#include "daemon/core/recording.hpp"
#include "daemon/io/sqlite.hpp"
#include "daemon/journal_location.hpp"

#include <spdlog/fmt/fmt.h>
#include <sqlite3.h>

#include <algorithm>

namespace hookswitch {
namespace {

std::string_view what_to_do(const Error& error) {
    switch (sqlite::primary_code(error)) {
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_AUTH: return "is the path right, and may you read it?";
        case SQLITE_READONLY: return "this needs to write to the journal and to its directory";
        case SQLITE_NOTADB: return "name the journal's own file, it ends in .db as a rule";
        case SQLITE_BUSY: return "somebody holds it for long, a backup perhaps: try again";
        case SQLITE_CORRUPT: return "the file is damaged: see what 'PRAGMA integrity_check' in sqlite3 says";
        default: return "";
    }
}

std::string cell(const std::optional<std::string>& text) { return text ? one_line(*text, 60) : "-"; }

std::string tries(const EventRow& event) {
    if (event.deliveries.empty()) return "-";
    int most = 0;
    for (const auto& delivery : event.deliveries) most = std::max(most, delivery.attempts);
    return std::to_string(most);
}

std::string line(std::string_view id, std::string_view time, std::string_view type, std::string_view call,
                 std::string_view caller, std::string_view status, std::string_view state,
                 std::string_view tries) {
    return fmt::format("{:<26}  {:<24}  {:<18}  {:<36}  {:<13}  {:<11}  {:<10}  {:>5}\n", id, time, type,
                       call, caller, status, state, tries);
}

}  // namespace

Error explain_journal(Error error) {
    const auto hint = what_to_do(error);
    return hint.empty() ? error : Error(error.code(), error.what() + ": " + std::string(hint));
}

Result<std::filesystem::path> journal_file(const cli::JournalPlace& place) {
    if (!place.journal.empty()) return place.journal;
    auto settings = locate_journal(place.config);
    if (settings) return settings->path;
    const std::string hint = ": name another configuration with -c, or the journal's file with --journal";
    return Error(settings.error().code(), "find the journal: " + settings.error().what() + hint);
}

Result<JournalReader> open_reader(const cli::JournalPlace& place) {
    TRY(const auto file, journal_file(place));
    auto reader = JournalReader::open(file);
    if (!reader) return explain_journal(reader.error());
    return reader;
}

EventFilter filter_of(const cli::EventsFilter& filter, Milliseconds now) {
    const auto time = [&](const std::optional<Moment>& moment) {
        return moment ? std::optional(moment->seen_from(now)) : std::nullopt;
    };
    EventFilter out;
    out.call = filter.call;
    out.type = filter.type;
    out.source = filter.source;
    out.caller = filter.caller;
    out.state = filter.state;
    out.handler = filter.handler;
    out.since = time(filter.since);
    out.until = time(filter.until);
    return out;
}

std::string event_table_head() {
    return line("ID", "TIME", "TYPE", "CALL", "CALLER", "STATUS", "STATE", "TRIES");
}

std::string event_table_line(const EventRow& event) {
    return line(event.id, iso_time(event.received_at), one_line(event.type, 60), cell(event.call),
                cell(event.caller), cell(event.status), event.state, tries(event));
}

std::string counted(std::size_t n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string size_for_people(std::uint64_t bytes) {
    constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) return fmt::format("{} bytes", bytes);
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
    return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace hookswitch
