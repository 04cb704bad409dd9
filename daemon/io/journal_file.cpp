#include "daemon/io/journal_file.hpp"

#include "daemon/io/journal_schema.hpp"

#include <sqlite3.h>

namespace hookswitch {
namespace {

constexpr int kBusyMs = 5000;  // as long as somebody else's lock is waited for

Result<sqlite::Database> open_as(const std::filesystem::path& file, sqlite::Database::Mode mode) {
    TRY(auto database, sqlite::Database::open(file, mode));
    sqlite3_busy_timeout(database.handle(), kBusyMs);
    if (auto r = check_journal(database); !r) return std::move(r).error().in("open " + file.string());
    return database;
}

bool has_wal(const std::filesystem::path& file) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(file.string() + "-wal", ignored);
    return !ignored && size > 0;
}

}  // namespace

// A file in WAL mode wants its two companions, which cannot be made where nothing may be written. A
// copy that nobody changes can do without them, provided that all of it is in the file itself.
Result<sqlite::Database> open_journal_to_read(const std::filesystem::path& file) {
    auto opened = open_as(file, sqlite::Database::Mode::read_only);
    if (opened) return opened;
    const int code = sqlite::primary_code(opened.error());
    if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY && code != SQLITE_PERM) return opened;
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) return opened;
    if (has_wal(file))
        return Error(opened.error().code(), opened.error().what() +
                                                ": part of the journal is in the file beside it that ends in "
                                                "-wal: copy both to a directory that can be written");
    return open_as(file, sqlite::Database::Mode::immutable);
}

Result<sqlite::Database> open_journal_to_write(const std::filesystem::path& file) {
    // An empty file would otherwise become a journal.
    if (auto r = open_as(file, sqlite::Database::Mode::read_only); !r) return r.error();
    TRY(auto database, sqlite::Database::open(file, sqlite::Database::Mode::read_write));
    sqlite3_busy_timeout(database.handle(), kBusyMs);
    if (auto r = prepare_journal(database); !r) return std::move(r).error().in("open " + file.string());
    return database;
}

Result<> request_redelivery(sqlite::Database& database, std::span<const RedeliveryRequest> requests,
                            Milliseconds now) {
    TRY(auto transaction, sqlite::Transaction::begin(database));
    TRY(auto row,
        database.prepare("INSERT INTO redelivery(seq, handler, requested_at) SELECT ?1, ?2, ?3 WHERE NOT "
                         "EXISTS (SELECT 1 FROM redelivery WHERE seq = ?1 AND handler = ?2)"));
    for (const RedeliveryRequest& one : requests)
        if (auto r = row.bind(1, one.seq).bind(2, one.handler).bind(3, now).run(); !r) return r;
    return transaction.commit();
}

}  // namespace hookswitch
