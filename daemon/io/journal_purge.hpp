#pragma once

// Erasing from a journal: what has become too old or too much, a bounded step at a time so that the
// daemon can do it between commits, and all that is about one person.
//
// The file must be of this version (prepare_journal), and open for writing.

#include "daemon/core/iso_time.hpp"
#include "daemon/io/sqlite.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

struct PurgeLimits {
    std::chrono::milliseconds retention{0};         // older events go; zero: none does
    std::chrono::milliseconds report_retention{0};  // bodies of older end-of-call-reports go; zero: none
    std::uint64_t max_size = 0;  // bytes in use; beyond them the oldest events go; zero: no limit
    std::size_t rows = 500;      // that one step erases at most; it looks at most at ten times as many
    std::int64_t from = 0;       // `next` of the step before; zero: begin with the oldest
};

/// What was erased.
struct PurgeStep {
    std::size_t events = 0, bodies = 0;
    std::map<std::string, std::size_t, std::less<>> types;  // of the events
    std::optional<Milliseconds> first_at, last_at;          // of the events
    std::int64_t next = 0;
    bool more = false;  // another step would go on

    void add(const PurgeStep& other);
};

/// One step, in a transaction of its own. Only what is settled is erased: no event that a handler still
/// has to get or to get again. (A report that is not settled when its body's time has come keeps it
/// until the whole event goes.) Meta `next_seq` keeps the erased numbers from being used again.
Result<PurgeStep> purge_step(sqlite::Database& database, const PurgeLimits& limits, Milliseconds now);

/// What purge_step would erase, without doing it. `max_size` is not looked at.
Result<PurgeStep> purge_preview(sqlite::Database& database, const PurgeLimits& limits, Milliseconds now);

/// Bytes of the file that hold something.
Result<std::uint64_t> used_bytes(sqlite::Database& database);

/// Events that have to do with a person.
struct PersonEvents {
    std::set<std::int64_t> seqs;
    std::set<std::string, std::less<>> calls;
};

/// Events in which a telephone number is caller or called, or in whose body, head or answer it is
/// written; a number of fewer than seven digits, or what is none, is only looked for as caller and
/// called. Looks at every event; in pieces, so that nobody waits for it. `looked_at` is told how far.
Result<PersonEvents> find_person(sqlite::Database& database, std::string_view number,
                                 const std::function<void(std::int64_t seq)>& looked_at);

/// True if `text` has the number in it, in any of the spellings +31612345678, 31612345678 and
/// 0031612345678, and not as part of a longer one.
bool mentions_number(std::string_view text, std::string_view number);

/// Erases these events, settled or not, from all tables and the search index, in a transaction of its
/// own. `seqs` in order.
Result<PurgeStep> erase_person_step(sqlite::Database& database, std::span<const std::int64_t> seqs);

}  // namespace hookswitch
