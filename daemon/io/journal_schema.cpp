#include "daemon/io/journal_schema.hpp"

#include "daemon/io/journal_table.hpp"

#include <array>

namespace hookswitch {
namespace {

// One script for each version, to be run in order; none is ever changed once it was released.
//
// The commit path appends to `segment`, `answer` and `attempt`, whose keys grow, and touches nothing
// else. There is no index: what people search by is in `search` (see core/search_index.hpp), written
// a bucket at a time, because a B-tree over call ids would write one page per event.
constexpr std::array kVersions{
    std::string_view(R"(
CREATE TABLE event(
    seq INTEGER PRIMARY KEY,     -- order of commit; never reused
    id TEXT NOT NULL,            -- ULID
    received_at INTEGER NOT NULL,-- milliseconds since the epoch, as all times here
    type TEXT NOT NULL,
    dialect TEXT NOT NULL,
    source TEXT NOT NULL,
    call TEXT, status TEXT, caller TEXT, called TEXT,
    handlers TEXT,               -- told-only: the handlers it has to reach, one a line; NULL: waited-for
    dedupe BLOB NOT NULL,        -- what makes another delivery the same one
    size INTEGER NOT NULL,       -- of the body as received
    encoding INTEGER NOT NULL,   -- of `body`: 0 as received, 1 zstd, 2 erased by retention
    head BLOB NOT NULL,          -- request line and header fields as received
    body BLOB);
CREATE TABLE answer(
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    parts TEXT NOT NULL);        -- JSON: who answered what, and how fast
CREATE TABLE attempt(
    seq INTEGER, handler TEXT, attempt INTEGER, at INTEGER NOT NULL, ms REAL NOT NULL,
    outcome TEXT NOT NULL,       -- delivered, failed, dead
    why TEXT, next_at INTEGER,
    PRIMARY KEY(seq, handler, attempt)) WITHOUT ROWID;
CREATE TABLE unsettled(          -- deliveries that failed and are not delivered yet
    seq INTEGER, handler TEXT, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER,
    PRIMARY KEY(seq, handler)) WITHOUT ROWID;
CREATE TABLE bucket(bucket INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL);
CREATE TABLE search(slice INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
)"),
    // Events of a commit share a row; `event` becomes a view of them (journal_table.hpp). And what
    // `hookswitch events redeliver` asks of the daemon.
    std::string_view(R"(
ALTER TABLE event RENAME TO event_1;
CREATE TABLE segment(
    first INTEGER PRIMARY KEY,   -- seq of its first event
    count INTEGER NOT NULL,      -- of events
    encoding INTEGER NOT NULL,   -- of `data`: 0 plain, 1 zstd
    size INTEGER NOT NULL,       -- of `data` before compression
    data BLOB NOT NULL);
INSERT INTO event SELECT * FROM event_1 ORDER BY seq;
DROP TABLE event_1;
CREATE TABLE redelivery(
    n INTEGER PRIMARY KEY, seq INTEGER NOT NULL, handler TEXT NOT NULL, requested_at INTEGER NOT NULL);
)"),
    // Call-control commands and what became of them. The index has the few that nothing is known of.
    std::string_view(R"(
CREATE TABLE command(
    n INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order in which they were asked for
    call TEXT NOT NULL,
    event TEXT,                  -- id of the event that it came with
    by TEXT NOT NULL,            -- "handler NAME", "operator"
    at INTEGER NOT NULL,
    type TEXT NOT NULL, body TEXT NOT NULL,  -- as it is sent
    ended_at INTEGER,            -- NULL: nothing is known yet
    state TEXT,                  -- sent, refused, failed, expired, dropped
    status INTEGER,              -- HTTP
    why TEXT);
CREATE INDEX command_open ON command(n) WHERE ended_at IS NULL;
CREATE INDEX command_of_call ON command(call);
)"),
};

Result<std::int64_t> pragma(sqlite::Database& database, const char* name) {
    TRY(const auto value, database.integer(std::string("PRAGMA ") + name));
    return value.value_or(0);
}

Result<> check(sqlite::Database& database, std::int64_t version) {
    TRY(const auto application, pragma(database, "application_id"));
    if (application != kJournalApplicationId)
        return fail(Errc::invalid_config, "this SQLite database is not a journal of hookswitch");
    if (version > std::ssize(kVersions))
        return fail(Errc::invalid_config,
                    "the journal was written by a newer version of hookswitch (schema " +
                        std::to_string(version) + ", this one knows " + std::to_string(kVersions.size()) +
                        "): install that version, or move the file aside");
    return {};
}

Result<bool> is_empty(sqlite::Database& database) {
    TRY(const auto tables, database.integer("SELECT count(*) FROM sqlite_schema"));
    return tables.value_or(0) == 0;
}

}  // namespace

Result<> prepare_journal(sqlite::Database& database) {
    if (auto r = add_event_table(database); !r) return r;
    TRY(auto transaction, sqlite::Transaction::begin(database));
    TRY(auto version, pragma(database, "user_version"));
    TRY(const bool empty, is_empty(database));
    if (!empty)
        if (auto r = check(database, version); !r) return r;
    if (version == std::ssize(kVersions)) return {};
    for (; version < std::ssize(kVersions); ++version)
        if (auto r = database.execute(kVersions[static_cast<std::size_t>(version)]); !r)
            return std::move(r).error().in("bring the journal to schema " + std::to_string(version + 1));
    if (auto r = database.execute("PRAGMA application_id = " + std::to_string(kJournalApplicationId) +
                                  "; PRAGMA user_version = " + std::to_string(version));
        !r)
        return r;
    return transaction.commit();
}

Result<> check_journal(sqlite::Database& database) {
    TRY(const auto version, pragma(database, "user_version"));
    if (auto r = check(database, version); !r) return r;
    return add_event_table(database);
}

}  // namespace hookswitch
