#pragma once

// What is in a journal file: its tables, their versions, and the way from one to the next.

#include "daemon/io/sqlite.hpp"

namespace hookswitch {

inline constexpr std::int64_t kJournalApplicationId = 0x486B7377;  // "Hksw", for file(1) and for us

/// Creates the tables in an empty file, or brings those of an older version to this one, in one
/// transaction. Errc::invalid_config if the file is of a newer version, or no journal at all.
Result<> prepare_journal(sqlite::Database& database);

/// For readers: the same checks, but nothing is changed. An older version is read as far as it goes.
/// Both make the table `event` known to the connection (journal_table.hpp).
Result<> check_journal(sqlite::Database& database);

/// Events of one bucket of the search index, as a power of two: 2^13.
inline constexpr int kBucketBits = 13;

}  // namespace hookswitch
