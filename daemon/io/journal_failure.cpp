#include "daemon/io/journal_failure.hpp"

#include "daemon/io/sqlite.hpp"

#include <sqlite3.h>

namespace hookswitch {

bool leaves_no_doubt(const Error& error) {
    if (error.code() == boost::system::errc::read_only_file_system) return true;
    switch (sqlite::primary_code(error)) {
        case SQLITE_FULL:
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_NOMEM: return true;
        default: break;
    }
    switch (error.code().value()) {
        case SQLITE_IOERR_WRITE:
        case SQLITE_IOERR_LOCK:
        case SQLITE_IOERR_SHMOPEN:  // of the WAL's index, which is made anew from the WAL
        case SQLITE_IOERR_SHMSIZE:
        case SQLITE_IOERR_SHMMAP: return true;
        default: return false;
    }
}

JournalFailure reason_of(const Error& error) {
    if (error.code() == boost::system::errc::read_only_file_system) return JournalFailure::read_only;
    switch (sqlite::primary_code(error)) {
        case SQLITE_FULL: return JournalFailure::full;
        case SQLITE_READONLY: return JournalFailure::read_only;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return JournalFailure::locked;
        case SQLITE_IOERR: return JournalFailure::io;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return JournalFailure::corrupted;
        default: return JournalFailure::other;
    }
}

}  // namespace hookswitch
