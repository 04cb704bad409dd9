#include "daemon/io/sqlite.hpp"

#include <sqlite3.h>

#include <utility>

namespace hookswitch::sqlite {
namespace {

class Category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "sqlite"; }
    std::string message(int code) const override { return sqlite3_errstr(code); }
};

Error error_of(sqlite3* database, int code) {
    std::string what = database ? sqlite3_errmsg(database) : sqlite3_errstr(code);
    if (const int number = database ? sqlite3_system_errno(database) : 0; number != 0 && code != SQLITE_ERROR)
        what += " (" + std::generic_category().message(number) + ")";
    return {{code, category()}, std::move(what)};
}

int size_of(std::string_view bytes) { return static_cast<int>(bytes.size()); }

// As a URI, so that nothing in the name is taken for an option, and options can be given.
std::string uri_of(const std::filesystem::path& file, Database::Mode mode) {
    std::string uri = "file:";
    for (const char c : std::filesystem::absolute(file).string()) {
        if (c == '%' || c == '?' || c == '#')
            uri += c == '%' ? "%25" : c == '?' ? "%3f" : "%23";
        else
            uri += c;
    }
    if (mode == Database::Mode::immutable) uri += "?immutable=1";
    return uri;
}

int flags_of(Database::Mode mode) {
    constexpr int kAlways = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    switch (mode) {
        case Database::Mode::read_write_create: return kAlways | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        case Database::Mode::read_write: return kAlways | SQLITE_OPEN_READWRITE;
        case Database::Mode::read_only:
        case Database::Mode::immutable: return kAlways | SQLITE_OPEN_READONLY;
    }
    return kAlways;
}

}  // namespace

const boost::system::error_category& category() noexcept {
    static const Category instance;
    return instance;
}

int primary_code(const Error& error) {
    return error.code().category() == category() ? error.code().value() & 0xff : 0;
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const {
    if (ours) sqlite3_close_v2(database);
}

Error Statement::error(int code) const { return error_of(sqlite3_db_handle(statement_.get()), code); }

// A bind fails only for an index that is not there, a bug that the first run of a test shows: the
// step after it then works on NULL.
Statement& Statement::bind(int index, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), index, value);
    return *this;
}

Statement& Statement::bind(int index, double value) {
    sqlite3_bind_double(statement_.get(), index, value);
    return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
    // A null pointer would bind NULL, where an empty text is meant.
    sqlite3_bind_text(statement_.get(), index, text.data() ? text.data() : "", size_of(text), SQLITE_STATIC);
    return *this;
}

Statement& Statement::bind(int index, std::optional<std::string_view> text) {
    return text ? bind(index, *text) : bind_null(index);
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
    sqlite3_bind_blob(statement_.get(), index, bytes.data() ? bytes.data() : "", size_of(bytes),
                      SQLITE_STATIC);
    return *this;
}

Statement& Statement::bind_null(int index) {
    sqlite3_bind_null(statement_.get(), index);
    return *this;
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    auto failed = error(code);
    sqlite3_reset(statement_.get());
    return failed;
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

Result<> Statement::run() {
    for (;;) {
        TRY(const bool row, step());
        if (!row) break;
    }
    reset();
    return {};
}

const char* Statement::name(int column) const { return sqlite3_column_name(statement_.get(), column); }
std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string_view Statement::text(int column) const {
    const void* bytes = sqlite3_column_blob(statement_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return {static_cast<const char*>(bytes), size};
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::optional<std::string> Statement::optional_text(int column) const {
    if (is_null(column)) return std::nullopt;
    return std::string(text(column));
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
    if (is_null(column)) return std::nullopt;
    return integer(column);
}

std::optional<Milliseconds> Statement::optional_time(int column) const {
    if (is_null(column)) return std::nullopt;
    return time(column);
}

Result<Database> Database::open(const std::filesystem::path& file, Mode mode, const std::string& vfs) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(uri_of(file, mode).c_str(), &opened, flags_of(mode),
                                     vfs.empty() ? nullptr : vfs.c_str());
    Database database(opened);  // to be closed also after a failure
    if (code != SQLITE_OK) return error_of(opened, code).in("open " + file.string());
    return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* prepared = nullptr;
    const int code =
        sqlite3_prepare_v3(handle(), sql.data(), size_of(sql), SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (code != SQLITE_OK) return error_of(handle(), code);
    return Statement(prepared);
}

Result<> Database::execute(std::string_view sql) {
    const int code = sqlite3_exec(handle(), std::string(sql).c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return error_of(handle(), code);
    return {};
}

Result<std::optional<std::int64_t>> Database::integer(std::string_view sql) {
    TRY(auto statement, prepare(sql));
    TRY(const bool row, statement.step());
    if (!row) return std::optional<std::int64_t>();
    return statement.optional_integer(0);
}

Result<std::optional<std::string>> Database::text(std::string_view sql) {
    TRY(auto statement, prepare(sql));
    TRY(const bool row, statement.step());
    if (!row) return std::optional<std::string>();
    return statement.optional_text(0);
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle()) == 0; }

Result<Transaction> Transaction::begin(Database& database) {
    if (auto r = database.execute("BEGIN IMMEDIATE"); !r) return r.error();
    return Transaction(database);
}

// Some failures (a full disk, lack of memory) have rolled back already.
Transaction::~Transaction() {
    if (database_ && database_->in_transaction()) (void)database_->execute("ROLLBACK");
}

Result<> Transaction::commit() {
    auto committed = database_->execute("COMMIT");
    if (committed) database_ = nullptr;
    return committed;
}

}  // namespace hookswitch::sqlite
