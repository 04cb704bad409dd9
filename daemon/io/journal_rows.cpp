#include "daemon/io/journal_rows.hpp"

#include "daemon/io/journal_schema.hpp"

#include <sqlite3.h>

#include <fcntl.h>
#include <unistd.h>

namespace hookswitch {
namespace {

constexpr std::int64_t kBucketMask = (std::int64_t{1} << kBucketBits) - 1;

// Somebody else's lock (a backup, an operator's shell) is waited for this long; callers of told-only
// events wait with us.
constexpr int kBusyMs = 1000;

constexpr std::int64_t kRedeliveries = 500;  // taken up at once, and the rest at the next look

constexpr std::string_view name_of(DeliveryRecord::Outcome outcome) {
    switch (outcome) {
        case DeliveryRecord::Outcome::delivered: return "delivered";
        case DeliveryRecord::Outcome::failed: return "failed";
        case DeliveryRecord::Outcome::dead: return "dead";
    }
    return "";
}

// SQLite would make it readable for everybody; it is full of telephone numbers and conversations. A
// new name is safe only once its directory is.
Result<> create_private(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fail({errno, boost::system::system_category()}, "open " + file.string());
    ::close(fd);
    const auto parent = std::filesystem::absolute(file).parent_path();
    const int directory = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
        ::fsync(directory);
        ::close(directory);
    }
    return {};
}

// What a journal's guarantee rests on is checked, not hoped for.
Result<> expect(sqlite::Database& database, const char* pragma, const std::string& value) {
    TRY(const auto is, database.text(std::string("PRAGMA ") + pragma));
    if (is == value) return {};
    return fail(Errc::invalid_config, std::string(pragma) + " is " + is.value_or("unset") + " instead of " +
                                          value + ": is the file on a network file system?");
}

}  // namespace

void Bucket::add(std::int64_t seq, Milliseconds received_at, std::string_view id, std::string_view call,
                 std::string_view caller) {
    number = seq >> kBucketBits;
    first_at = std::min(first_at, received_at);
    last_at = std::max(last_at, received_at);
    const auto offset = static_cast<std::uint16_t>(seq & kBucketMask);
    index.add(search_hash(SearchKey::id, id), offset);
    if (!call.empty()) index.add(search_hash(SearchKey::call, call), offset);
    if (!caller.empty()) index.add(search_hash(SearchKey::caller, caller), offset);
}

Result<JournalRows> JournalRows::open(const JournalSettings& settings) {
    if (auto r = create_private(settings.path); !r) return r.error();
    TRY(auto database,
        sqlite::Database::open(settings.path, sqlite::Database::Mode::read_write, settings.vfs));
    sqlite3_busy_timeout(database.handle(), kBusyMs);
    // A file that is not for us is left as it is. Some settings count only in one that is empty.
    TRY(const auto tables, database.integer("SELECT count(*) FROM sqlite_schema"));
    auto set = tables.value_or(0) > 0
                   ? check_journal(database)
                   : database.execute("PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL");
    if (set)
        set = database.execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
            "PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST;"
            "PRAGMA journal_size_limit=268435456");
    if (!set) return set.error();
    if (auto r = expect(database, "journal_mode", "wal"); !r) return r.error();
    if (auto r = expect(database, "synchronous", "2"); !r) return r.error();
    if (auto r = prepare_journal(database); !r) return r.error();
    // Grow by whole pieces: each growth is work for the file system's own journal.
    int chunk = 1 << 20;
    sqlite3_file_control(database.handle(), "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);

    JournalRows rows(std::move(database));
    if (auto r = rows.prepare(); !r) return r.error();
    return rows;
}

Result<> JournalRows::prepare() {
    TRY(const auto page_size, database_.integer("PRAGMA page_size"));
    page_size_ = page_size.value_or(4096);
    const std::pair<sqlite::Statement*, std::string_view> statements[]{
        {&segment_, "INSERT INTO segment VALUES(?,?,?,?,?)"},
        {&answer_, "INSERT OR REPLACE INTO answer VALUES(?,?,200,?,?)"},
        {&attempt_, "INSERT OR REPLACE INTO attempt VALUES(?,?,?,?,?,?,?,?)"},
        {&unsettled_, "INSERT OR REPLACE INTO unsettled VALUES(?,?,?,?,?)"},
        {&settled_, "DELETE FROM unsettled WHERE seq=? AND handler=?"},
        {&bucket_, "INSERT OR REPLACE INTO bucket VALUES(?,?,?)"},
        {&slice_, "INSERT OR REPLACE INTO search VALUES(?,?)"},
        {&meta_, "INSERT OR REPLACE INTO meta VALUES(?,?)"},
        {&command_, "INSERT INTO command(call, event, by, at, type, body) VALUES(?,?,?,?,?,?)"},
        {&command_end_, "UPDATE command SET ended_at=?2, state=?3, status=?4, why=?5 WHERE n=?1"},
        {&exists_, "SELECT 1 FROM event WHERE seq=?"},
        {&redelivery_,
         "SELECT r.n, r.seq, r.handler, e.call, (SELECT max(attempt) FROM attempt a WHERE a.seq=r.seq AND "
         "a.handler=r.handler), e.received_at FROM redelivery r JOIN event e USING(seq) ORDER BY r.n LIMIT "
         "?"},
    };
    for (const auto& [statement, sql] : statements) {
        TRY(*statement, database_.prepare(sql));
    }
    return {};
}

// Whatever was deleted, no number is given twice: buckets and attempts are filed under them.
Result<std::int64_t> JournalRows::next_seq() {
    TRY(const auto next,
        database_.integer("SELECT max(ifnull((SELECT seq FROM event ORDER BY seq DESC LIMIT 1), 0) + 1,"
                          "ifnull((SELECT value FROM meta WHERE key='next_seq'), 1),"
                          "ifnull((SELECT value FROM meta WHERE key='delivered_before'), 1))"));
    return next.value_or(1);
}

Result<std::vector<Bucket>> JournalRows::unindexed_buckets() {
    TRY(auto rows, database_.prepare("SELECT seq, received_at, id, call, caller FROM event WHERE seq >= "
                                     "(SELECT ifnull(max(bucket), -1) + 1 FROM bucket) << ? ORDER BY seq"));
    rows.bind(1, std::int64_t{kBucketBits});
    std::vector<Bucket> buckets;
    for (;;) {
        TRY(const bool row, rows.step());
        if (!row) return buckets;
        const std::int64_t seq = rows.integer(0);
        if (buckets.empty() || buckets.back().number != seq >> kBucketBits) buckets.emplace_back();
        buckets.back().add(seq, rows.time(1), rows.text(2), rows.text(3), rows.text(4));
    }
}

Result<> JournalRows::insert(std::int64_t first, const Segment& segment) {
    segment_.bind(1, first).bind(2, segment.count).bind(3, static_cast<std::int64_t>(segment.encoding));
    return segment_.bind(4, static_cast<std::int64_t>(segment.size)).bind_blob(5, segment.data).run();
}

Result<> JournalRows::insert(std::int64_t seq, const JournalAnswer& answer) {
    return answer_.bind(1, seq).bind(2, answer.at).bind(3, answer.body).bind(4, answer.parts).run();
}

Result<> JournalRows::insert(const DeliveryRecord& record) {
    using enum DeliveryRecord::Outcome;
    attempt_.bind(1, record.seq).bind(2, record.handler).bind(3, std::int64_t{record.attempt});
    attempt_.bind(4, record.at).bind(5, record.ms).bind(6, name_of(record.outcome));
    record.why.empty() ? attempt_.bind_null(7) : attempt_.bind(7, record.why);
    record.next_at ? attempt_.bind(8, *record.next_at) : attempt_.bind_null(8);
    if (auto r = attempt_.run(); !r) return r;
    if (record.outcome == delivered) {
        // Only what failed before has such a row.
        return record.attempt == 1 ? Result<>() : settled_.bind(1, record.seq).bind(2, record.handler).run();
    }
    unsettled_.bind(1, record.seq).bind(2, record.handler);
    unsettled_.bind(3, std::string_view(record.outcome == dead ? "dead" : "waiting"));
    unsettled_.bind(4, std::int64_t{record.attempt});
    record.next_at ? unsettled_.bind(5, *record.next_at) : unsettled_.bind_null(5);
    return unsettled_.run();
}

Result<> JournalRows::insert(Bucket& bucket) {
    std::int64_t slice = bucket.number * SearchIndex::kSlices;
    for (const std::string& entries : bucket.index.slices())
        if (auto r = slice_.bind(1, slice++).bind_blob(2, entries).run(); !r) return r;
    return bucket_.bind(1, bucket.number).bind(2, bucket.first_at).bind(3, bucket.last_at).run();
}

Result<std::vector<std::int64_t>> JournalRows::insert(const std::vector<CommandRecord>& commands) {
    std::vector<std::int64_t> numbers;
    for (const CommandRecord& command : commands) {
        command_.bind(1, command.call);
        command.event.empty() ? command_.bind_null(2) : command_.bind(2, command.event);
        command_.bind(3, command.by).bind(4, command.at).bind(5, command.type).bind(6, command.body);
        if (auto r = command_.run(); !r) return r.error();
        numbers.push_back(sqlite3_last_insert_rowid(database_.handle()));
    }
    return numbers;
}

Result<> JournalRows::insert(const CommandEnd& end) {
    command_end_.bind(1, end.n).bind(2, end.at).bind(3, end.state);
    end.status == 0 ? command_end_.bind_null(4) : command_end_.bind(4, std::int64_t{end.status});
    end.why.empty() ? command_end_.bind_null(5) : command_end_.bind(5, end.why);
    return command_end_.run();
}

Result<> JournalRows::set(std::string_view key, std::int64_t value) {
    return meta_.bind(1, key).bind(2, value).run();
}

Result<bool> JournalRows::has(std::int64_t seq) {
    auto row = exists_.bind(1, seq).step();
    exists_.reset();
    return row;
}

Result<std::vector<WaitingDelivery>> JournalRows::take_redeliveries(Milliseconds now) {
    std::vector<WaitingDelivery> taken;
    TRY(const auto any, database_.integer("SELECT max(n) FROM redelivery"));
    if (!any) return taken;
    TRY(auto transaction, sqlite::Transaction::begin(database_));
    TRY(const auto newest, database_.integer("SELECT max(n) FROM redelivery"));
    std::int64_t last = newest.value_or(0);  // also drops those whose event is gone
    redelivery_.bind(1, kRedeliveries);
    for (std::int64_t read = 0;;) {
        TRY(const bool row, redelivery_.step());
        if (!row) break;
        // One that was never tried is on its way already.
        if (!redelivery_.is_null(4))
            taken.push_back({redelivery_.integer(1), std::string(redelivery_.text(2)),
                             std::string(redelivery_.text(3)), static_cast<int>(redelivery_.integer(4)), now,
                             redelivery_.time(5)});
        if (++read == kRedeliveries) last = redelivery_.integer(0);
    }
    redelivery_.reset();
    for (const WaitingDelivery& w : taken) {
        unsettled_.bind(1, w.seq).bind(2, w.handler).bind(3, std::string_view("waiting"));
        unsettled_.bind(4, std::int64_t{w.attempts}).bind(5, w.next_at);
        if (auto r = unsettled_.run(); !r) return r.error();
    }
    if (auto r = database_.execute("DELETE FROM redelivery WHERE n <= " + std::to_string(last)); !r)
        return r.error();
    if (auto r = transaction.commit(); !r) return r.error();
    return taken;
}

}  // namespace hookswitch
