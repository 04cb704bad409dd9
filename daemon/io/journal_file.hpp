#pragma once

// Opening a journal that somebody else may be writing at the moment: for the commands.

#include "daemon/core/iso_time.hpp"
#include "daemon/io/sqlite.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace hookswitch {

/// The journal of a running daemon, or a copy, also where nothing may be written. Errc::invalid_config:
/// it belongs to a newer version, or is no journal.
Result<sqlite::Database> open_journal_to_read(const std::filesystem::path& file);

/// The same for writing; one of an older version is brought to this one. Never creates a file.
Result<sqlite::Database> open_journal_to_write(const std::filesystem::path& file);

struct RedeliveryRequest {
    std::int64_t seq = 0;
    std::string handler;
};

/// Asks the daemon to deliver again, in a transaction of its own; what is asked for already is not asked
/// for twice.
Result<> request_redelivery(sqlite::Database& database, std::span<const RedeliveryRequest> requests,
                            Milliseconds now);

}  // namespace hookswitch
