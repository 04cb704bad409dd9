#pragma once

// The journal's call-control commands: reading and erasing them. Inside of the journal and of what
// reads it.

#include "daemon/io/journal.hpp"
#include "daemon/io/sqlite.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

struct StoredCommand : CommandRecord {
    std::optional<Milliseconds> ended_at;  // nullopt: nothing is known yet
    std::string state;                     // see CommandEnd; empty: as above
    std::optional<std::int64_t> status;
    std::optional<std::string> why;
};

/// Nothing is known of these, in the order in which they were asked for.
Result<std::vector<OpenCommand>> open_commands(sqlite::Database& database);

/// All of a call, in order.
Result<std::vector<StoredCommand>> commands_of_call(sqlite::Database& database, std::string_view call);

/// Erases what was asked for before; within a transaction, a bounded number of them.
Result<> erase_commands_before(sqlite::Database& database, Milliseconds before);

/// Erases those of some calls, and those in which the number is written; within a transaction.
Result<> erase_commands_of(sqlite::Database& database, const std::set<std::string, std::less<>>& calls,
                           const std::optional<std::string>& number);

}  // namespace hookswitch
