#include "daemon/io/journal_backlog.hpp"

#include "daemon/core/lines.hpp"
#include "daemon/io/journal_command.hpp"
#include "daemon/io/journal_entry.hpp"
#include "daemon/io/journal_schema.hpp"
#include "daemon/io/sqlite.hpp"

#include <boost/asio/post.hpp>

#include <sqlite3.h>

#include <set>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;

// Columns of kEvent.
Result<StoredTold> read_event(const sqlite::Statement& row) {
    StoredTold event;
    event.seq = row.integer(0);
    event.id = row.text(1);
    event.received_at = row.time(2);
    event.source = row.text(3);
    event.dialect = row.text(4);
    event.call = row.text(5);
    event.head = row.text(9);
    const auto encoding = static_cast<Encoding>(row.integer(7));
    TRY(event.body, decompress(row.text(8), encoding, static_cast<std::size_t>(row.integer(6))));
    return event;
}

constexpr std::string_view kEvent =
    "SELECT seq, id, received_at, source, dialect, call, size, encoding, body, head FROM event ";

constexpr std::size_t kOlder = 1000;

constexpr std::string_view kNewest = "SELECT seq FROM event ORDER BY seq DESC LIMIT 1";

// An event is a handler's if its name is a line of `handlers`; one with an attempt on record is either
// done or among the unsettled.
constexpr std::string_view kPage =
    "WHERE seq >= ?1 AND handlers <> '' AND instr(char(10)||handlers||char(10), char(10)||?2||char(10)) > 0 "
    "AND NOT EXISTS(SELECT 1 FROM attempt a WHERE a.seq = event.seq AND a.handler = ?2) ORDER BY seq";

// Rows from the newest on, of which the first column is the time, until `each` returns false.
template <class Each>
Result<> read_back(sqlite::Statement& rows, Milliseconds since, Each each) {
    for (std::size_t older = 0;;) {
        TRY(const bool row, rows.step());
        if (!row) return {};
        // The clock may have been set back and forth: some older ones do not mean that all are.
        if (rows.time(0) < since && ++older > kOlder) return {};
        if (rows.time(0) >= since && !each()) return {};
    }
}

}  // namespace

struct JournalBacklog::Reader {
    explicit Reader(sqlite::Database opened) : database(std::move(opened)) {}

    Result<> prepare() {
        TRY(page_statement, database.prepare(std::string(kEvent) + std::string(kPage)));
        TRY(fetch_statement, database.prepare(std::string(kEvent) + "WHERE seq = ? AND encoding <> 2"));
        return {};
    }

    Result<BacklogPage> page(const std::string& handler, std::int64_t from, std::size_t limit,
                             std::size_t bytes) {
        BacklogPage page;
        // Before the rows, so that what is committed meanwhile is read once more rather than missed.
        TRY(const auto newest, database.integer(kNewest));
        page.read_to = std::max(newest.value_or(0), from - 1);
        page_statement.bind(1, from).bind(2, handler);
        std::size_t size = 0;
        for (;;) {
            TRY(const bool row, page_statement.step());
            if (!row) break;
            const std::int64_t seq = page_statement.integer(0);
            if (seq > page.read_to) break;
            if (page.events.size() == limit || (size > bytes && !page.events.empty())) {
                page.read_to = seq - 1;
                page_statement.reset();
                return page;
            }
            TRY(auto event, read_event(page_statement));
            size += event.body.size();
            page.events.push_back(std::move(event));
        }
        page_statement.reset();
        page.at_end = true;
        return page;
    }

    Result<std::optional<StoredTold>> fetch(std::int64_t seq) {
        fetch_statement.bind(1, seq);
        TRY(const bool row, fetch_statement.step());
        std::optional<StoredTold> event;
        if (row) {
            TRY(event, read_event(fetch_statement));
        }
        fetch_statement.reset();
        return event;
    }

    sqlite::Database database;
    sqlite::Statement page_statement, fetch_statement;
};

JournalBacklog::JournalBacklog(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}

JournalBacklog::~JournalBacklog() { thread_.join(); }

Result<std::unique_ptr<JournalBacklog>> JournalBacklog::open(const JournalSettings& settings) {
    TRY(auto database,
        sqlite::Database::open(settings.path, sqlite::Database::Mode::read_only, settings.vfs));
    sqlite3_busy_timeout(database.handle(), 5000);
    if (auto r = check_journal(database); !r) return r.error();
    auto reader = std::make_unique<Reader>(std::move(database));
    if (auto r = reader->prepare(); !r) return r.error();
    return std::unique_ptr<JournalBacklog>(new JournalBacklog(std::move(reader)));
}

Result<BacklogStart> JournalBacklog::start() {
    auto& database = reader_->database;
    BacklogStart start;
    TRY(const auto before, database.integer("SELECT value FROM meta WHERE key = 'delivered_before'"));
    TRY(const auto newest, database.integer(kNewest));
    start.delivered_before = before.value_or(1);
    start.newest = newest.value_or(0);

    std::set<std::string, std::less<>> names;
    TRY(auto lists,
        database.prepare("SELECT DISTINCT handlers FROM event WHERE seq >= ? AND handlers <> ''"));
    lists.bind(1, start.delivered_before);
    for (;;) {
        TRY(const bool row, lists.step());
        if (!row) break;
        for_each_line(lists.text(0), [&](std::string_view name) { names.emplace(name); });
    }
    start.handlers.assign(names.begin(), names.end());

    TRY(auto waiting,
        database.prepare(
            "SELECT u.seq, u.handler, u.attempts, u.next_at, e.call, e.received_at FROM unsettled u "
            "JOIN event e USING(seq) WHERE u.state = 'waiting' ORDER BY u.seq"));
    for (;;) {
        TRY(const bool row, waiting.step());
        if (!row) return start;
        WaitingDelivery one;
        one.seq = waiting.integer(0);
        one.handler = waiting.text(1);
        one.attempts = static_cast<int>(waiting.integer(2));
        one.next_at = waiting.time(3);
        one.call = waiting.text(4);
        one.received_at = waiting.time(5);
        start.waiting.push_back(std::move(one));
    }
}

Result<> JournalBacklog::recent(Milliseconds since, std::size_t limit,
                                const std::function<void(const RecentEvent&)>& each) {
    TRY(auto rows,
        reader_->database.prepare(
            "SELECT received_at, dedupe, handlers IS NULL, a.body FROM event e "
            "LEFT JOIN answer a ON a.seq = e.seq AND e.handlers IS NULL ORDER BY e.seq DESC LIMIT ?"));
    rows.bind(1, static_cast<std::int64_t>(limit));
    return read_back(rows, since, [&] {
        RecentEvent event{rows.text(1), rows.time(0), {}, rows.integer(2) != 0};
        if (!rows.is_null(3)) event.answer = rows.text(3);
        each(event);
        return true;
    });
}

Result<> JournalBacklog::recent_of_calls(Milliseconds since, std::size_t limit,
                                         const std::function<bool(const RecentCallEvent&)>& each) {
    TRY(auto rows,
        reader_->database.prepare(
            "SELECT received_at, type, status, call, caller, called, source, dialect, size, encoding, "
            "CASE WHEN type <> 'end-of-call-report' THEN body END FROM event ORDER BY seq DESC LIMIT ?"));
    rows.bind(1, static_cast<std::int64_t>(limit));
    const auto body = [&rows]() -> std::optional<std::string> {
        if (rows.is_null(10)) return std::nullopt;
        auto text = decompress(rows.text(10), static_cast<Encoding>(rows.integer(9)),
                               static_cast<std::size_t>(rows.integer(8)));
        return text ? std::optional(*std::move(text)) : std::nullopt;
    };
    return read_back(rows, since, [&] {
        return each({rows.time(0), rows.text(1), rows.text(2), rows.text(3), rows.text(4), rows.text(5),
                     rows.text(6), rows.text(7), body});
    });
}

Result<std::vector<OpenCommand>> JournalBacklog::open_commands() {
    return hookswitch::open_commands(reader_->database);
}

void JournalBacklog::page(std::string handler, std::int64_t from, std::size_t limit, std::size_t bytes,
                          const asio::any_io_executor& executor,
                          std::function<void(Result<BacklogPage>)> done) {
    asio::post(thread_, [this, handler = std::move(handler), from, limit, bytes, executor,
                         done = std::move(done)]() mutable {
        auto page = reader_->page(handler, from, limit, bytes);
        asio::post(executor,
                   [done = std::move(done), page = std::move(page)]() mutable { done(std::move(page)); });
    });
}

void JournalBacklog::fetch(std::int64_t seq, const asio::any_io_executor& executor,
                           std::function<void(Result<std::optional<StoredTold>>)> done) {
    asio::post(thread_, [this, seq, executor, done = std::move(done)]() mutable {
        auto event = reader_->fetch(seq);
        asio::post(executor,
                   [done = std::move(done), event = std::move(event)]() mutable { done(std::move(event)); });
    });
}

}  // namespace hookswitch
