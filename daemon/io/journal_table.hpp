#pragma once

// The events of a journal as SQL sees them: a virtual table `event` over the rows of `segment`, with
// the columns of kEventColumns. `seq` is its key; a range of it, or its order, costs no more than the
// segments it is in. Rows can be deleted; added only after the last; changed only by erasing a body
// (UPDATE event SET encoding = 2, body = NULL).

#include "daemon/io/journal_entry.hpp"
#include "daemon/io/sqlite.hpp"

#include <cstdint>
#include <span>

namespace hookswitch {

inline constexpr const char* kEventColumns =
    "seq INTEGER, id TEXT, received_at INTEGER, type TEXT, dialect TEXT, source TEXT, call TEXT, status TEXT,"
    "caller TEXT, called TEXT, handlers TEXT, dedupe BLOB, size INTEGER, encoding INTEGER, head BLOB, body "
    "BLOB";

/// Makes the table known to a connection. Every connection to a journal needs it.
Result<> add_event_table(sqlite::Database& database);

/// Appends one event, for what is not in a hurry (a migration, a test).
Result<> append_event(sqlite::Database& database, std::int64_t seq, std::string_view record);

/// Erases events, or only their bodies, in a transaction of the caller's. `seqs` in order; those that
/// are not there are passed over. A segment is read and written once for all of its events. Returns
/// how many were erased.
Result<std::size_t> erase_events(sqlite::Database& database, std::span<const std::int64_t> seqs);
Result<std::size_t> erase_bodies(sqlite::Database& database, std::span<const std::int64_t> seqs);

}  // namespace hookswitch
