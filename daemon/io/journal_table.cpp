#include "daemon/io/journal_table.hpp"

#include <sqlite3.h>

#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

namespace hookswitch {
namespace {

using Field = EventRecord::Field;

enum Column {
    kSeq,
    kId,
    kReceivedAt,
    kType,
    kDialect,
    kSource,
    kCall,
    kStatus,
    kCaller,
    kCalled,
    kHandlers,
    kDedupe,
    kSize,
    kEncoding,
    kHead,
    kBody
};

// What xBestIndex tells xFilter.
enum Plan { kLower = 1, kUpper = 2, kDescending = 4 };

struct Table : sqlite3_vtab {
    sqlite3* database = nullptr;
};

Table& table_of(sqlite3_vtab* base) { return *static_cast<Table*>(base); }

int report(sqlite3_vtab* table, const std::string& what) {
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("%s", what.c_str());
    return SQLITE_ERROR;
}

struct Cursor : sqlite3_vtab_cursor {
    ~Cursor() { sqlite3_finalize(segments); }

    sqlite3_stmt* segments = nullptr;
    bool descending = false, at_end = true;
    std::int64_t first = 0;
    std::string bytes;                 // of the segment
    std::vector<EventRecord> records;  // views into it
    std::size_t index = 0;             // of the current one

    const EventRecord& record() const { return records[descending ? records.size() - 1 - index : index]; }
    std::int64_t seq() const { return first + record().place(); }

    // The next segment that has records.
    int next_segment() {
        records.clear();
        index = 0;
        while (records.empty()) {
            const int code = sqlite3_step(segments);
            at_end = code != SQLITE_ROW;
            if (at_end) return code == SQLITE_DONE ? SQLITE_OK : code;
            if (const auto read = read_current(); !read) return report(pVtab, read.error().what());
        }
        return SQLITE_OK;
    }

    Result<> read_current() {
        first = sqlite3_column_int64(segments, 0);
        const auto encoding = static_cast<Encoding>(sqlite3_column_int(segments, 2));
        const std::string_view stored(static_cast<const char*>(sqlite3_column_blob(segments, 4)),
                                      static_cast<std::size_t>(sqlite3_column_bytes(segments, 4)));
        TRY(bytes, decompress(stored, encoding, static_cast<std::size_t>(sqlite3_column_int64(segments, 3))));
        TRY(records, read_segment(bytes, sqlite3_column_int64(segments, 1)));
        return {};
    }
};

Cursor& cursor_of(sqlite3_vtab_cursor* base) { return *static_cast<Cursor*>(base); }

int connect(sqlite3* database, void*, int, const char* const*, sqlite3_vtab** out, char**) {
    const int code =
        sqlite3_declare_vtab(database, ("CREATE TABLE x(" + std::string(kEventColumns) + ")").c_str());
    if (code != SQLITE_OK) return code;
    auto* table = new (std::nothrow) Table();
    if (!table) return SQLITE_NOMEM;
    table->database = database;
    *out = table;
    return SQLITE_OK;
}

int disconnect(sqlite3_vtab* table) {
    delete &table_of(table);
    return SQLITE_OK;
}

// One bound of each kind is enough: SQLite checks all of them again.
int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
    int lower = -1, upper = -1;
    bool equal = false;
    for (int i = 0; i < info->nConstraint; ++i) {
        const auto& constraint = info->aConstraint[i];
        if (!constraint.usable || constraint.iColumn > kSeq) continue;
        const auto op = constraint.op;
        const bool equals = op == SQLITE_INDEX_CONSTRAINT_EQ;
        if (equals && !equal) lower = upper = i;
        equal = equal || equals;
        if (!equal && (op == SQLITE_INDEX_CONSTRAINT_GT || op == SQLITE_INDEX_CONSTRAINT_GE)) lower = i;
        if (!equal && (op == SQLITE_INDEX_CONSTRAINT_LT || op == SQLITE_INDEX_CONSTRAINT_LE)) upper = i;
    }
    int arguments = 0;
    if (lower >= 0) info->aConstraintUsage[lower].argvIndex = ++arguments;
    if (upper >= 0 && !equal) info->aConstraintUsage[upper].argvIndex = ++arguments;
    info->idxNum = (lower >= 0 ? kLower : 0) | (upper >= 0 ? kUpper : 0);
    if (info->nOrderBy == 1 && info->aOrderBy[0].iColumn <= kSeq) {
        info->orderByConsumed = 1;
        if (info->aOrderBy[0].desc) info->idxNum |= kDescending;
    }
    info->estimatedCost = equal ? 50 : lower >= 0 || upper >= 0 ? 1e5 : 1e7;
    info->estimatedRows = equal ? 1 : lower >= 0 || upper >= 0 ? 100'000 : 10'000'000;
    if (equal) info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    return SQLITE_OK;
}

int open(sqlite3_vtab*, sqlite3_vtab_cursor** out) {
    auto* cursor = new (std::nothrow) Cursor();
    if (!cursor) return SQLITE_NOMEM;
    *out = cursor;
    return SQLITE_OK;
}

int close(sqlite3_vtab_cursor* cursor) {
    delete &cursor_of(cursor);
    return SQLITE_OK;
}

int next(sqlite3_vtab_cursor* base) {
    Cursor& cursor = cursor_of(base);
    return ++cursor.index < cursor.records.size() ? SQLITE_OK : cursor.next_segment();
}

int filter(sqlite3_vtab_cursor* base, int plan, const char*, int argc, sqlite3_value** argv) {
    Cursor& cursor = cursor_of(base);
    std::int64_t lower = 0, upper = std::numeric_limits<std::int64_t>::max();
    if (plan & kLower) lower = sqlite3_value_int64(argv[0]);
    if (plan & kUpper) upper = sqlite3_value_int64(argv[argc - 1]);
    cursor.descending = (plan & kDescending) != 0;
    sqlite3_finalize(cursor.segments);
    cursor.segments = nullptr;
    const std::string sql =
        std::string(
            "SELECT first, count, encoding, size, data FROM segment WHERE first <= ?2 AND first >= "
            "ifnull((SELECT max(first) FROM segment WHERE first <= ?1), ?1) ORDER BY first") +
        (cursor.descending ? " DESC" : "");
    const int code =
        sqlite3_prepare_v2(table_of(base->pVtab).database, sql.c_str(), -1, &cursor.segments, nullptr);
    if (code != SQLITE_OK) return code;
    sqlite3_bind_int64(cursor.segments, 1, lower);
    sqlite3_bind_int64(cursor.segments, 2, upper);
    int found = cursor.next_segment();
    // Of a unique key SQLite looks at the first row only, when it is about to change it.
    while (found == SQLITE_OK && !cursor.at_end && (cursor.seq() < lower || cursor.seq() > upper))
        found = next(base);
    return found;
}

int eof(sqlite3_vtab_cursor* base) { return cursor_of(base).at_end; }

int rowid(sqlite3_vtab_cursor* base, sqlite3_int64* out) {
    *out = cursor_of(base).seq();
    return SQLITE_OK;
}

// The bytes live until the cursor moves to another segment, which may be before SQLite is done.
void give_text(sqlite3_context* out, std::string_view text) {
    sqlite3_result_text(out, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

void give_blob(sqlite3_context* out, std::string_view bytes) {
    sqlite3_result_blob(out, bytes.data(), static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
}

void give_body(sqlite3_context* out, const EventRecord& record) {
    if (record.body_encoding() != Encoding::erased) give_blob(out, record[Field::body]);
}

int column(sqlite3_vtab_cursor* base, sqlite3_context* out, int index) {
    const Cursor& cursor = cursor_of(base);
    const EventRecord& record = cursor.record();
    const auto text = [&](Field field) {
        if (!record[field].empty()) give_text(out, record[field]);
    };
    switch (index) {
        case kSeq: sqlite3_result_int64(out, cursor.seq()); break;
        case kId: text(Field::id); break;
        case kReceivedAt: sqlite3_result_int64(out, record.received_at().time_since_epoch().count()); break;
        case kType: give_text(out, record[Field::type]); break;
        case kDialect: text(Field::dialect); break;
        case kSource: text(Field::source); break;
        case kCall: text(Field::call); break;
        case kStatus: text(Field::status); break;
        case kCaller: text(Field::caller); break;
        case kCalled: text(Field::called); break;
        case kHandlers:
            if (!record.waited_for()) give_text(out, record[Field::handlers]);
            break;
        case kDedupe: give_blob(out, record[Field::dedupe]); break;
        case kSize: sqlite3_result_int64(out, static_cast<std::int64_t>(record.body_size())); break;
        case kEncoding: sqlite3_result_int64(out, static_cast<std::int64_t>(record.body_encoding())); break;
        case kHead: give_blob(out, record[Field::head]); break;
        case kBody: give_body(out, record); break;
        default: break;
    }
    return SQLITE_OK;
}

std::string_view text_of(sqlite3_value* value) {
    const void* bytes = sqlite3_value_blob(value);
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

Result<> insert(sqlite::Database& database, sqlite3_value** columns) {
    const auto is_null = [&](Column c) { return sqlite3_value_type(columns[c]) == SQLITE_NULL; };
    const auto encoding = static_cast<Encoding>(sqlite3_value_int(columns[kEncoding]));
    const auto size = static_cast<std::size_t>(sqlite3_value_int64(columns[kSize]));
    TRY(auto body, decompress(text_of(columns[kBody]), encoding, size));
    if (encoding == Encoding::erased) body.assign(size, ' ');  // its size is kept
    JournalEntry entry{text_of(columns[kId]),
                       Milliseconds(std::chrono::milliseconds(sqlite3_value_int64(columns[kReceivedAt]))),
                       text_of(columns[kType]),
                       text_of(columns[kDialect]),
                       text_of(columns[kSource]),
                       text_of(columns[kCall]),
                       text_of(columns[kStatus]),
                       text_of(columns[kCaller]),
                       text_of(columns[kCalled]),
                       {},
                       text_of(columns[kDedupe]),
                       text_of(columns[kHead]),
                       body};
    if (!is_null(kHandlers)) entry.handlers = text_of(columns[kHandlers]);
    std::string record = make_record(entry);
    if (encoding == Encoding::erased) record = EventRecord::read(record)->without_body();
    return append_event(database, sqlite3_value_int64(columns[kSeq]), record);
}

int update(sqlite3_vtab* base, int argc, sqlite3_value** argv, sqlite3_int64* rowid_out) {
    auto database = sqlite::Database::borrow(table_of(base).database);
    Result<> done;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        *rowid_out = sqlite3_value_int64(argv[2 + kSeq]);
        done = insert(database, argv + 2);
    } else {
        const std::int64_t seq = sqlite3_value_int64(argv[0]);
        if (argc > 1 && sqlite3_value_int(argv[2 + kEncoding]) != static_cast<int>(Encoding::erased))
            return report(base, "an event cannot be changed, only its body be erased");
        const std::span one(&seq, 1);
        const auto erased = argc > 1 ? erase_bodies(database, one) : erase_events(database, one);
        if (!erased) done = erased.error();
    }
    return done ? SQLITE_OK : report(base, done.error().what());
}

constexpr sqlite3_module module() {
    sqlite3_module m{};
    m.iVersion = 1;
    m.xConnect = connect;  // without xCreate: there is nothing to create, it is there
    m.xBestIndex = best_index;
    m.xDisconnect = disconnect;
    m.xOpen = open;
    m.xClose = close;
    m.xFilter = filter;
    m.xNext = next;
    m.xEof = eof;
    m.xColumn = column;
    m.xRowid = rowid;
    m.xUpdate = update;
    return m;
}

}  // namespace

Result<> add_event_table(sqlite::Database& database) {
    static constexpr sqlite3_module kModule = module();
    const int code = sqlite3_create_module_v2(database.handle(), "event", &kModule, nullptr, nullptr);
    if (code != SQLITE_OK) return Error({code, sqlite::category()}, "register the event table");
    return {};
}

}  // namespace hookswitch
