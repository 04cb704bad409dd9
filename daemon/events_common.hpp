#pragma once

// What the `hookswitch events` commands have in common.

#include "daemon/commands.hpp"
#include "daemon/io/journal_reader.hpp"
#include "daemon/io/wall_clock.hpp"
#include "daemon/progress_line.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace hookswitch {

/// The journal's file. Errors of this and of open_reader say what to do.
Result<std::filesystem::path> journal_file(const cli::JournalPlace& place);
Result<JournalReader> open_reader(const cli::JournalPlace& place);

/// What went wrong with a journal, and what to do about it where that is known.
Error explain_journal(Error error);

EventFilter filter_of(const cli::EventsFilter& filter, Milliseconds now);

/// A table of events: its head, and one line for each. Telephone numbers are not hidden: it is the
/// operator's own terminal.
std::string event_table_head();
std::string event_table_line(const EventRow& event);

/// "1 event", "2 events".
std::string counted(std::size_t n, std::string_view what);

/// "12.5 MiB".
std::string size_for_people(std::uint64_t bytes);

}  // namespace hookswitch
