#pragma once

// SQLite as the rest of the program wants to see it: failures are Results with SQLite's own words,
// statements are prepared once and used often, texts and blobs are views. Nothing here knows what is
// in the file.
//
// One thread at a time per Database; its Statements belong to it and must go first.

#include "daemon/core/iso_time.hpp"
#include "daemon/core/result.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;

namespace hookswitch::sqlite {

/// Codes are SQLite's extended result codes (SQLITE_FULL, SQLITE_IOERR_FSYNC, ...).
const boost::system::error_category& category() noexcept;

/// The primary result code of an error of this file: SQLITE_IOERR for SQLITE_IOERR_FSYNC; 0 for
/// errors from elsewhere.
int primary_code(const Error& error);

class Statement {
public:
    Statement() = default;

    // Times are milliseconds since the epoch. Parameters count from 1, columns from 0. Bound views must live
    // until the next reset().
    Statement& bind(int index, std::int64_t value);
    Statement& bind(int index, double value);
    Statement& bind(int index, Milliseconds time) { return bind(index, time.time_since_epoch().count()); }
    Statement& bind(int index, std::string_view text);
    Statement& bind(int index, const std::string& text) { return bind(index, std::string_view(text)); }
    Statement& bind(int index, std::optional<std::string_view> text);
    Statement& bind_blob(int index, std::string_view bytes);
    Statement& bind_null(int index);

    /// True: there is a row. Views of the columns live until the next step() or reset().
    Result<bool> step();
    void reset();

    /// Runs to the end, for statements without rows, and resets.
    Result<> run();

    const char* name(int column) const;  // null: there is no such column
    std::int64_t integer(int column) const;
    double real(int column) const;
    std::string_view text(int column) const;  // of a blob: its bytes; of NULL: empty
    bool is_null(int column) const;
    std::optional<std::string> optional_text(int column) const;
    std::optional<std::int64_t> optional_integer(int column) const;
    Milliseconds time(int column) const { return Milliseconds(std::chrono::milliseconds(integer(column))); }
    std::optional<Milliseconds> optional_time(int column) const;

private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
    Error error(int code) const;

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
public:
    enum class Mode { read_write_create, read_write, read_only, immutable };

    /// `vfs`: the name of a registered SQLite VFS; empty: the system's.
    static Result<Database> open(const std::filesystem::path& file, Mode mode, const std::string& vfs = {});

    /// A connection that somebody else closes.
    static Database borrow(sqlite3* database) { return Database(database, false); }

    Result<Statement> prepare(std::string_view sql);

    /// Runs one or more statements and drops their rows.
    Result<> execute(std::string_view sql);

    /// The first column of the first row; NULL or no row: nullopt.
    Result<std::optional<std::int64_t>> integer(std::string_view sql);
    Result<std::optional<std::string>> text(std::string_view sql);

    bool in_transaction() const;
    sqlite3* handle() const { return database_.get(); }

private:
    struct Close {
        bool ours = true;
        void operator()(sqlite3* database) const;
    };
    explicit Database(sqlite3* database, bool ours = true) : database_(database, Close{ours}) {}

    std::unique_ptr<sqlite3, Close> database_;
};

/// A transaction that is rolled back unless it is committed.
class Transaction {
public:
    /// Takes the right to write at once, so that it cannot be lost half-way.
    static Result<Transaction> begin(Database& database);
    ~Transaction();
    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;

    Result<> commit();

private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

}  // namespace hookswitch::sqlite
