#include "daemon/io/journal.hpp"

#include "daemon/core/metrics.hpp"
#include "daemon/core/search_index.hpp"
#include "daemon/io/journal_backlog.hpp"
#include "daemon/io/journal_schema.hpp"
#include "daemon/io/journal_table.hpp"
#include "tests/support/temp_dir.hpp"

#include <gtest/gtest.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <sys/stat.h>

#include <deque>
#include <random>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr Milliseconds kNow{1'767'970'608'123ms};

struct JournalTest : testing::Test {
    JournalTest() {
        settings.path = directory.path() / "journal.db";
        settings.retention = 0ms;  // kNow is long ago
    }

    void open() {
        auto opened = Journal::open(settings, metrics.journal);
        ASSERT_TRUE(opened) << opened.error().what();
        journal = *std::move(opened);
        journal->on_commit(context.get_executor(), [this](auto events) {
            for (auto& event : events) committed.push_back(event.seq);
        });
    }
    void reopen() {
        journal.reset();
        open();
    }

    // An event that borrows from this fixture.
    JournalEntry entry(std::string_view body, std::string_view call = "call-1") {
        const std::string& id = ids.emplace_back("id-" + std::to_string(ids.size() + 1));
        return {id,
                kNow,
                "status-update",
                "camel",
                "main",
                call,
                "ended",
                "+31612345678",
                "+31850835037",
                "desk",
                "0123456789abcdef",
                "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
                body};
    }

    // Appends, and waits until it is on disk. 0: refused.
    std::int64_t append(const JournalEntry& entry, std::shared_ptr<void> load = {}) {
        std::optional<Result<std::int64_t>> result;
        journal->append(
            entry, context.get_executor(), [&](Result<std::int64_t> r) { result = std::move(r); },
            std::move(load));
        while (!result) context.run_one();
        if (!*result) refusal = result->error();
        return *result ? **result : 0;
    }

    sqlite::Database database() {
        auto opened = sqlite::Database::open(settings.path, sqlite::Database::Mode::read_write);
        EXPECT_TRUE(opened && check_journal(*opened));
        return *std::move(opened);
    }

    // All rows of a query, columns joined by '|'.
    std::vector<std::string> rows(const std::string& sql) {
        auto reading = database();
        auto statement = reading.prepare(sql);
        EXPECT_TRUE(statement) << statement.error().what();
        std::vector<std::string> all;
        while (*statement->step()) {
            std::string row;
            for (int i = 0; i < 16 && statement->name(i); ++i)
                row.append(i ? "|" : "").append(statement->is_null(i) ? "NULL" : statement->text(i));
            all.push_back(row);
        }
        return all;
    }

    test::TempDir directory;
    JournalSettings settings;
    Metrics metrics;
    asio::io_context context;
    const asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
    std::deque<std::string> ids;
    std::vector<std::int64_t> committed;
    std::unique_ptr<Journal> journal;
    Error refusal;
};

using Rows = std::vector<std::string>;

TEST_F(JournalTest, KeepsWhatItAcknowledgedAcrossReopening) {
    open();
    EXPECT_EQ(append(entry("{\"a\":1}")), 1);
    EXPECT_EQ(append(entry("{}", "")), 2);
    const Rows expected{
        "1|id-1|1767970608123|status-update|camel|main|call-1|ended|+31612345678|+31850835037|desk|"
        "0123456789abcdef|7|0|POST / HTTP/1.1\r\nHost: a\r\n\r\n|{\"a\":1}",
        "2|id-2|1767970608123|status-update|camel|main|NULL|ended|+31612345678|+31850835037|desk|"
        "0123456789abcdef|2|0|POST / HTTP/1.1\r\nHost: a\r\n\r\n|{}"};
    EXPECT_EQ(rows("SELECT * FROM event"), expected);
    reopen();
    EXPECT_EQ(append(entry("{}")), 3);
    EXPECT_EQ(rows("SELECT * FROM event WHERE seq < 3"), expected);
    EXPECT_EQ(metrics.journal.events.value(), 3u);
}

TEST_F(JournalTest, HandsCommittedEventsOnInOrder) {
    open();
    const auto load = std::make_shared<int>(1);
    append(entry("{}"), load);
    append(entry("{}"));
    append(entry("{}"), load);
    EXPECT_EQ(committed, (std::vector<std::int64_t>{1, 3}));
}

TEST_F(JournalTest, StoresBodiesByteForByte) {
    open();
    std::string large;
    for (int i = 0; large.size() < 300'000; ++i) large += "{\"line\":" + std::to_string(i) + "}";
    std::mt19937 random(1);
    std::string noise(100'000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    std::vector<std::int64_t> seqs;
    for (const std::string& body : {std::string(), large, noise, std::string("\0\xff", 2)}) {
        const auto seq = append(entry(body));
        auto backlog = JournalBacklog::open(settings);
        ASSERT_TRUE(backlog);
        std::optional<std::string> stored;
        (*backlog)->fetch(seq, context.get_executor(), [&](auto event) { stored = (*event)->body; });
        while (!stored) context.run_one();
        EXPECT_TRUE(*stored == body) << body.size();
    }
    EXPECT_EQ(rows("SELECT seq, encoding, length(body) < size FROM event"),
              (Rows{"1|0|0", "2|1|1", "3|0|0", "4|0|0"}));
}

TEST_F(JournalTest, FilesTheAnswerUnderItsEvent) {
    open();
    auto question = entry("{}");
    question.handlers.reset();
    const auto ticket = journal->append(question);
    journal->answered(ticket, {kNow + 5ms, R"({"results":[]})", "[]"});
    append(entry("{}"));
    journal.reset();
    EXPECT_EQ(rows("SELECT * FROM answer"), Rows{R"(1|1767970608128|200|{"results":[]}|[])"});
    EXPECT_EQ(rows("SELECT seq, handlers IS NULL FROM event"), (Rows{"1|1", "2|0"}));
}

TEST_F(JournalTest, KeepsWhatIsUnsettledUntilItIsDelivered) {
    open();
    using enum DeliveryRecord::Outcome;
    append(entry("{}"));
    journal->record({1, "desk", 1, kNow, 2.5, failed, "down", kNow + 5s});
    journal->record({1, "crm", 1, kNow, 2.5, dead, "no", {}});
    journal->record({1, "log", 1, kNow, 2.5, delivered, {}, {}});
    journal->delivered_before(2);
    reopen();
    EXPECT_EQ(rows("SELECT * FROM unsettled"), (Rows{"1|crm|dead|1|NULL", "1|desk|waiting|1|1767970613123"}));
    auto backlog = JournalBacklog::open(settings);
    const auto start = (*backlog)->start();
    ASSERT_TRUE(start) << start.error().what();
    EXPECT_EQ(start->delivered_before, 2);
    EXPECT_EQ(start->newest, 1);
    ASSERT_EQ(start->waiting.size(), 1u);
    EXPECT_EQ(start->waiting[0].handler, "desk");
    EXPECT_EQ(start->waiting[0].call, "call-1");
    EXPECT_EQ(start->waiting[0].attempts, 1);

    journal->record({1, "desk", 2, kNow + 5s, 1, delivered, {}, {}});
    journal.reset();
    EXPECT_EQ(rows("SELECT handler FROM unsettled"), Rows{"crm"});
    EXPECT_EQ(rows("SELECT handler, attempt, outcome, why, next_at FROM attempt"),
              (Rows{"crm|1|dead|no|NULL", "desk|1|failed|down|1767970613123", "desk|2|delivered|NULL|NULL",
                    "log|1|delivered|NULL|NULL"}));
}

TEST_F(JournalTest, PagesThroughWhatAHandlerHasNotHad) {
    open();
    for (int i = 0; i < 10; ++i) append(entry("{\"i\":" + std::to_string(i) + "}"));
    journal->record({3, "desk", 1, kNow, 1, DeliveryRecord::Outcome::delivered, {}, {}});
    auto other = entry("{}");
    other.handlers = "desktop";
    append(other);
    reopen();
    auto backlog = JournalBacklog::open(settings);
    const auto page = [&](std::int64_t from, std::size_t limit) {
        std::optional<BacklogPage> got;
        (*backlog)->page("desk", from, limit, 1 << 20, context.get_executor(), [&](auto p) { got = *p; });
        while (!got) context.run_one();
        return *got;
    };
    const auto first = page(2, 3);
    ASSERT_EQ(first.events.size(), 3u);
    EXPECT_EQ(first.events[0].seq, 2);
    EXPECT_EQ(first.events[1].seq, 4);
    EXPECT_EQ(first.events[1].body, "{\"i\":3}");
    EXPECT_EQ(first.read_to, 5);
    EXPECT_FALSE(first.at_end);
    const auto rest = page(first.read_to + 1, 100);
    EXPECT_EQ(rest.events.size(), 5u);
    EXPECT_EQ(rest.read_to, 11);
    EXPECT_TRUE(rest.at_end);
    EXPECT_EQ((*backlog)->start()->handlers, (std::vector<std::string>{"desk", "desktop"}));
}

TEST_F(JournalTest, IndexesCompleteBucketsAlsoAcrossARestart) {
    open();
    const auto append_many = [&](int count) {
        int left = count;
        for (int i = 0; i < count; ++i)
            journal->append(entry("{}", i == 0 ? "first" : "call"), context.get_executor(),
                            [&](const auto&) { --left; }, {});
        while (left > 0) context.run_one();
    };
    append_many(5000);
    reopen();
    append_many(5000);
    append(entry("{}"));
    journal.reset();
    EXPECT_EQ(rows("SELECT * FROM bucket"), Rows{"0|1767970608123|1767970608123"});
    const auto hash = search_hash(SearchKey::call, "first");
    auto reading = database();
    auto slice = reading.prepare("SELECT entries FROM search WHERE slice = ?");
    slice->bind(1, std::int64_t{SearchIndex::slice_of(hash)});
    ASSERT_TRUE(*slice->step());
    EXPECT_EQ(SearchIndex::find(slice->text(0), hash), (std::vector<std::uint16_t>{1, 5001}));
}

TEST_F(JournalTest, ReadsAnyRangeInAnyOrder) {
    open();
    for (int i = 0; i < 7; ++i) append(entry("{}"));
    const std::pair<const char*, Rows> queries[]{
        {"seq = 4", {"4"}},
        {"seq > 5", {"6", "7"}},
        {"seq >= 3 AND seq <= 4", {"3", "4"}},
        {"seq < 3 ORDER BY seq DESC", {"2", "1"}},
        {"seq IN (2, 6, 99)", {"2", "6"}},
        {"1 ORDER BY seq DESC LIMIT 2", {"7", "6"}},
        {"seq >= 8", {}},
        {"id = 'id-5'", {"5"}},
    };
    for (const auto& [where, expected] : queries) {
        SCOPED_TRACE(where);
        EXPECT_EQ(rows(std::string("SELECT seq FROM event WHERE ") + where), expected);
    }
}

TEST_F(JournalTest, ErasesEventsAndBodiesOutOfTheMiddle) {
    open();
    int left = 20;
    for (int i = 0; i < 20; ++i)
        journal->append(entry("{\"i\":" + std::to_string(i) + "}"), context.get_executor(),
                        [&](const auto&) { --left; }, {});
    while (left > 0) context.run_one();
    auto writing = database();
    EXPECT_EQ(*erase_events(writing, std::vector<std::int64_t>{1, 2, 5, 20, 99}), 4u);
    EXPECT_EQ(*erase_bodies(writing, std::vector<std::int64_t>{5, 6}), 1u);
    EXPECT_EQ(rows("SELECT seq, encoding, body FROM event WHERE seq < 8"),
              (Rows{"3|0|{\"i\":2}", "4|0|{\"i\":3}", "6|2|NULL", "7|0|{\"i\":6}"}));
    EXPECT_EQ(rows("SELECT count(*), max(seq) FROM event"), Rows{"16|19"});
    ASSERT_TRUE(writing.execute("DELETE FROM event WHERE seq > 3"));
    EXPECT_EQ(rows("SELECT seq FROM event"), Rows{"3"});
    EXPECT_EQ(append(entry("{}")), 21);  // whatever was erased, no number is given twice
}

TEST_F(JournalTest, IsReadableByItsOwnerOnly) {
    open();
    append(entry("{}"));
    for (const char* suffix : {"", "-wal", "-shm"}) {
        struct stat status {};
        ASSERT_EQ(::stat((settings.path.string() + suffix).c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
    }
}

TEST_F(JournalTest, RefusesAFileThatIsNotForIt) {
    open();
    EXPECT_EQ(Journal::open(settings, metrics.journal).error().what(),
              "open journal: another hookswitch has " + settings.path.string() + " open");
    journal.reset();
    ASSERT_TRUE(database().execute("PRAGMA user_version = 99"));
    EXPECT_EQ(Journal::open(settings, metrics.journal).error().what(),
              "open journal: the journal was written by a newer version of hookswitch (schema 99, this one "
              "knows 3): install that version, or move the file aside");
    settings.path = directory.path() / "absent" / "journal.db";
    EXPECT_EQ(Journal::open(settings, metrics.journal).error().what(),
              "open journal: open " + settings.path.string() + ".lock: No such file or directory");
}

TEST_F(JournalTest, StartsWithADamagedFileAndRefusesEvents) {
    directory.write("journal.db", std::string(8192, 'x'));
    open();
    ASSERT_TRUE(journal->failure());
    EXPECT_EQ(append(entry("{}")), 0);
    EXPECT_EQ(refusal, Errc::unavailable);
    EXPECT_NE(refusal.what().find("restart"), std::string::npos) << refusal.what();
}

TEST_F(JournalTest, TakesUpRedeliveriesThatWereAskedFor) {
    open();
    append(entry("{}"));
    journal->record({1, "desk", 3, kNow, 1, DeliveryRecord::Outcome::dead, "down", {}});
    std::vector<WaitingDelivery> asked;
    journal->on_redelivery(context.get_executor(), [&](auto taken) { asked = std::move(taken); });
    ASSERT_TRUE(database().execute("INSERT INTO redelivery VALUES(1, 1, 'desk', 0), (2, 77, 'desk', 0)"));
    append(entry("{}"));  // the record above is on disk now
    journal->look_for_redeliveries();
    while (asked.empty()) context.run_one();
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].seq, 1);
    EXPECT_EQ(asked[0].attempts, 3);
    EXPECT_EQ(rows("SELECT state FROM unsettled"), Rows{"waiting"});
    EXPECT_EQ(rows("SELECT count(*) FROM redelivery"), Rows{"0"});
}

}  // namespace
}  // namespace hookswitch
