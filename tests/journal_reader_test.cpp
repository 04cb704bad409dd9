#include "daemon/io/journal_reader.hpp"

#include "daemon/io/journal_file.hpp"
#include "tests/support/journal_builder.hpp"
#include "tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

namespace hookswitch {
namespace {

using test::at;
using test::id_of;
using test::JournalBuilder;

struct JournalReaderTest : testing::Test {
    JournalReader open() {
        auto reader = JournalReader::open(journal.file());
        EXPECT_TRUE(reader) << reader.error().what();
        return *std::move(reader);
    }

    std::vector<std::int64_t> seqs(const EventFilter& filter) {
        std::vector<std::int64_t> all;
        const auto rows = open().list(filter);
        EXPECT_TRUE(rows) << rows.error().what();
        for (const auto& row : *rows) all.push_back(row.seq);
        return all;
    }

    test::TempDir dir;
    JournalBuilder journal{dir.path() / "hookswitch.db"};
};

using Seqs = std::vector<std::int64_t>;

TEST_F(JournalReaderTest, SaysWhatBecameOfEachEvent) {
    journal.add({.type = "assistant-request", .handlers = {}});
    journal.add({.type = "tool-calls", .handlers = {}});
    journal.add({.handlers = ""});
    journal.add({.handlers = "crm"});
    journal.add({.handlers = "crm\nlog"});
    journal.add({.handlers = "crm\nlog"});
    journal.add({.handlers = "crm\nlog"});
    journal.answer(1, "2026-01-09T14:00:02Z", "{}", "[]");
    journal.attempt(4, "crm", 1, "2026-01-09T14:00:04Z", "delivered");
    journal.attempt(5, "crm", 1, "2026-01-09T14:00:05Z", "delivered");
    journal.attempt(5, "log", 1, "2026-01-09T14:00:05Z", "failed", "down", "2026-01-09T14:00:10Z");
    journal.attempt(6, "crm", 1, "2026-01-09T14:00:06Z", "failed", "down", "2026-01-09T14:00:11Z");
    journal.attempt(6, "log", 1, "2026-01-09T14:00:06Z", "dead", "no");

    const auto rows = open().list({}).value();
    ASSERT_EQ(rows.size(), 7u);
    const char* states[] = {"pending", "dead", "waiting", "delivered", "stored", "unanswered", "answered"};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_EQ(rows[i].seq, 7 - static_cast<std::int64_t>(i));
        EXPECT_EQ(rows[i].id, id_of(rows[i].seq));
        EXPECT_EQ(rows[i].state, states[i]) << rows[i].seq;
        EXPECT_EQ(rows[i].waited_for, rows[i].seq <= 2);
    }
    ASSERT_EQ(rows[1].deliveries.size(), 2u);
    EXPECT_EQ(rows[1].deliveries[0].state, "waiting");
    EXPECT_EQ(rows[1].deliveries[0].attempts, 1);
    EXPECT_EQ(rows[1].deliveries[0].next_at, at("2026-01-09T14:00:11Z"));
    EXPECT_EQ(rows[1].deliveries[1].state, "dead");
    EXPECT_EQ(rows[0].deliveries[1].handler, "log");
    // What the daemon says is done is done, also without an attempt on record.
    journal.sql("INSERT INTO meta VALUES('delivered_before', 8)");
    EXPECT_EQ(open().load(7).value()->state, "delivered");
}

TEST_F(JournalReaderTest, Filters) {
    journal.add({.type = "assistant-request", .call = "a", .caller = "+311", .handlers = {}});
    journal.add({.call = "a", .status = "ended", .caller = "+311", .handlers = "crm\nlog"});
    journal.add({.call = "b", .caller = "+312", .handlers = "crm2", .source = "other"});
    journal.add({.type = "tool-calls", .call = "b", .caller = "+312", .handlers = {}});
    journal.answer(4, "2026-01-09T14:00:05Z", "{}",
                   R"([{"id":"x","tool":"t","handler":"crm","by":"handler"}])");
    journal.attempt(2, "log", 1, "2026-01-09T14:00:03Z", "dead", "no");

    EXPECT_EQ(seqs({}), (Seqs{4, 3, 2, 1}));
    EXPECT_EQ(seqs({.id = id_of(3)}), (Seqs{3}));
    EXPECT_EQ(seqs({.call = "a"}), (Seqs{2, 1}));
    EXPECT_EQ(seqs({.type = "tool-calls"}), (Seqs{4}));
    EXPECT_EQ(seqs({.source = "other"}), (Seqs{3}));
    EXPECT_EQ(seqs({.caller = "+312"}), (Seqs{4, 3}));
    EXPECT_EQ(seqs({.call = "a", .caller = "+312"}), (Seqs{}));
    EXPECT_EQ(seqs({.state = "dead"}), (Seqs{2}));
    EXPECT_EQ(seqs({.call = "b", .state = "dead"}), (Seqs{}));
    EXPECT_EQ(seqs({.state = "pending"}), (Seqs{3}));
    EXPECT_EQ(seqs({.state = "waiting"}), (Seqs{}));
    EXPECT_EQ(seqs({.state = "unanswered"}), (Seqs{1}));
    EXPECT_EQ(seqs({.handler = "crm"}), (Seqs{4, 2}));
    EXPECT_EQ(seqs({.since = at("2026-01-09T14:00:02Z"), .until = at("2026-01-09T14:00:04Z")}), (Seqs{3, 2}));
    EXPECT_EQ(seqs({.after = 2}), (Seqs{4, 3}));
    EXPECT_EQ(seqs({.after = 1, .limit = 2, .oldest_first = true}), (Seqs{2, 3}));
    EXPECT_EQ(seqs({.limit = 0}), (Seqs{}));
}

TEST_F(JournalReaderTest, SearchesMillionsByBuckets) {
    // Three complete buckets and a tail; "rare" and its caller are in the first, third and the tail.
    const std::int64_t rare[] = {17, 18, 20'000, 24'999};
    for (std::int64_t seq = 1; seq < 25'000; ++seq) {
        const bool is_rare = std::ranges::find(rare, seq) != std::end(rare);
        const std::string call = is_rare ? "rare" : "call-" + std::to_string(seq / 5);
        journal.add({.call = call, .caller = is_rare ? "+31612345678" : "+319"});
    }
    EXPECT_EQ(journal.number("SELECT count(*) FROM bucket"), 3);
    EXPECT_EQ(journal.number("SELECT count(*) FROM search"), 3 * 64);
    EXPECT_EQ(seqs({.call = "rare"}), (Seqs{24'999, 20'000, 18, 17}));
    EXPECT_EQ(seqs({.call = "rare", .oldest_first = true}), (Seqs{17, 18, 20'000, 24'999}));
    EXPECT_EQ(seqs({.call = "rare", .limit = 3}), (Seqs{24'999, 20'000, 18}));
    EXPECT_EQ(seqs({.call = "rare", .after = 17, .oldest_first = true}), (Seqs{18, 20'000, 24'999}));
    EXPECT_EQ(seqs({.caller = "+31612345678", .limit = 1}), (Seqs{24'999}));
    EXPECT_EQ(seqs({.caller = "+319", .limit = 2}), (Seqs{24'998, 24'997}));
    EXPECT_EQ(seqs({.id = id_of(9'000)}), (Seqs{9'000}));
    EXPECT_EQ(seqs({.call = "nobody"}), (Seqs{}));
    // By time, with and without a key: second 20,000 after the beginning.
    const auto since = at("2026-01-09T14:00:00Z") + std::chrono::seconds(20'000);
    EXPECT_EQ(seqs({.call = "rare", .since = since}), (Seqs{24'999, 20'000}));
    EXPECT_EQ(seqs({.call = "rare", .until = since}), (Seqs{18, 17}));
    EXPECT_EQ(seqs({.until = since, .limit = 2}), (Seqs{19'999, 19'998}));
    EXPECT_EQ(seqs({.since = since, .limit = 2, .oldest_first = true}), (Seqs{20'000, 20'001}));
    EXPECT_EQ(open().newest().value(), 24'999);
    EXPECT_EQ(open().load(id_of(20'000)).value()->seq, 20'000);
    EXPECT_EQ(open().load(id_of(20'000) + ".2").value()->seq, 20'000);
}

TEST_F(JournalReaderTest, LoadsEverythingOfOneEvent) {
    const std::string large = R"({"text":")" + std::string(20'000, 'x') + "\"}";
    journal.add({.status = "ended", .caller = "+311", .called = "+312", .handlers = "crm", .body = large});
    journal.add({.type = "tool-calls", .handlers = {}, .body = "{\"a\":1}"});
    journal.attempt(1, "crm", 1, "2026-01-09T14:00:02Z", "failed", "CRM is down", "2026-01-09T14:00:07Z");
    journal.answer(2, "2026-01-09T14:00:03Z", "{\"results\":[]}", "[1]");

    const auto first = open().load(1).value();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->body, large);
    EXPECT_EQ(first->size, large.size());
    EXPECT_EQ(first->head.substr(0, 24), "POST /webhook HTTP/1.1\r\n");
    EXPECT_EQ(first->called, "+312");
    EXPECT_EQ(first->status, "ended");
    ASSERT_EQ(first->attempts.size(), 1u);
    EXPECT_EQ(first->attempts[0].why, "CRM is down");
    EXPECT_EQ(first->attempts[0].ms, 12.34);
    EXPECT_EQ(first->attempts[0].next_at, at("2026-01-09T14:00:07Z"));
    EXPECT_FALSE(first->answer);
    const auto second = open().load(id_of(2)).value();
    ASSERT_TRUE(second && second->answer);
    EXPECT_EQ(second->answer->body, "{\"results\":[]}");
    EXPECT_EQ(second->answer->parts, "[1]");
    EXPECT_EQ(second->answer->at, at("2026-01-09T14:00:03Z"));

    journal.sql("UPDATE event SET encoding = 2, body = NULL WHERE seq = 1");
    EXPECT_FALSE(open().load(1).value()->body);
    EXPECT_EQ(open().load(1).value()->size, large.size());
    EXPECT_FALSE(open().load(3).value());
    EXPECT_FALSE(open().load("nobody").value());
}

TEST_F(JournalReaderTest, SeesWhatIsCommittedMeanwhile) {
    journal.add({});
    auto reader = open();
    EXPECT_EQ(reader.newest().value(), 1);
    journal.add({});
    (void)journal.file();
    EXPECT_EQ(reader.newest().value(), 2);
    auto writing = sqlite::Transaction::begin(journal.database());
    journal.add({});
    (void)journal.file();
    EXPECT_EQ(reader.list({}).value().size(), 2u);
    writing->commit().value();
    EXPECT_EQ(reader.list({}).value().size(), 3u);
}

// ---- copies ----------------------------------------------------------------------------------------

// Runs `body` as somebody who may not write here; root may do everything. Returns what it returned.
std::string unprivileged(const std::function<std::string()>& body) {
    if (::getuid() != 0) return body();
    int channel[2];
    EXPECT_EQ(::pipe(channel), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const bool dropped = ::setgid(65534) == 0 && ::setuid(65534) == 0;
        const std::string said = dropped ? body() : "cannot become nobody";
        const auto written = ::write(channel[1], said.data(), said.size());
        ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
    }
    ::close(channel[1]);
    std::string said(4096, '\0');
    const ssize_t size = ::read(channel[0], said.data(), said.size());
    ::close(channel[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    said.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return said;
}

std::string count_in(const std::filesystem::path& file) {
    auto reader = JournalReader::open(file);
    if (!reader) return reader.error().what();
    const auto rows = reader->list({});
    return rows ? std::to_string(rows->size()) : rows.error().what();
}

struct CopiedJournal : JournalReaderTest {
    // A copy in a directory of its own, of the file alone or with its write-ahead log.
    std::filesystem::path copy(bool with_log) {
        const auto directory = dir.path() / "copies";
        std::filesystem::create_directory(directory);
        std::filesystem::copy(journal.file(), directory / "copy.db");
        if (with_log) std::filesystem::copy(journal.file().string() + "-wal", directory / "copy.db-wal");
        return directory / "copy.db";
    }

    static void make_read_only(const std::filesystem::path& file) {
        for (const auto& entry : std::filesystem::directory_iterator(file.parent_path()))
            ::chmod(entry.path().c_str(), 0444);
        ::chmod(file.parent_path().c_str(), 0555);
        ::chmod(file.parent_path().parent_path().c_str(), 0755);
    }

    ~CopiedJournal() override { ::chmod((dir.path() / "copies").c_str(), 0755); }

    void checkpoint() {
        (void)journal.file();
        journal.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    }
};

TEST_F(CopiedJournal, IsReadWithItsLogOrWithoutOne) {
    journal.add({});
    journal.add({});
    EXPECT_EQ(count_in(copy(true)), "2");
    std::filesystem::remove_all(dir.path() / "copies");
    checkpoint();
    EXPECT_EQ(count_in(copy(false)), "2");
}

TEST_F(CopiedJournal, IsReadWhereNothingMayBeWritten) {
    journal.add({});
    checkpoint();
    const auto file = copy(false);
    make_read_only(file);
    EXPECT_EQ(unprivileged([&] { return count_in(file); }), "1");
    EXPECT_FALSE(std::filesystem::exists(file.string() + "-wal"));
}

TEST_F(CopiedJournal, WithALogNeedsADirectoryThatCanBeWritten) {
    journal.add({});
    checkpoint();
    journal.add({});
    const auto file = copy(true);
    make_read_only(file);
    EXPECT_EQ(unprivileged([&] { return count_in(file); }),
              "open " + file.string() +
                  ": unable to open database file (No such file or directory): part of the journal is in the "
                  "file beside it that ends in -wal: copy both to a directory that can be written");
}

// ---- versions --------------------------------------------------------------------------------------

TEST_F(JournalReaderTest, RefusesWhatItDoesNotKnow) {
    journal.add({});
    journal.sql("PRAGMA user_version = 99");
    auto reader = JournalReader::open(journal.file());
    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error(), Errc::invalid_config);
    EXPECT_EQ(reader.error().what(),
              "open " + journal.file().string() +
                  ": the journal was written by a newer version of hookswitch (schema 99, this one knows 3): "
                  "install that version, or move the file aside");
    const std::string text = dir.write("text", "This is no database, it is a text file of some length. ");
    EXPECT_EQ(JournalReader::open(text).error().what(), "open " + text + ": file is not a database");
    const std::string empty = dir.write("empty", "");
    EXPECT_EQ(JournalReader::open(empty).error().what(),
              "open " + empty + ": this SQLite database is not a journal of hookswitch");
    EXPECT_FALSE(open_journal_to_write(empty));
    EXPECT_EQ(std::filesystem::file_size(empty), 0u);
    EXPECT_FALSE(JournalReader::open(dir.path() / "missing.db"));
    EXPECT_FALSE(std::filesystem::exists(dir.path() / "missing.db"));
}

std::string describe(const std::filesystem::path& file) {
    auto reader = JournalReader::open(file);
    if (!reader) return reader.error().what();
    std::ostringstream out;
    const auto events = reader->read({.oldest_first = true});
    if (!events) return events.error().what();
    for (const StoredEvent& e : *events) {
        out << e.seq << ' ' << e.id << ' ' << iso_time(e.received_at) << ' ' << e.type << ' ' << e.dialect
            << ' ' << e.source << ' ' << e.call.value_or("-") << ' ' << e.status.value_or("-") << ' '
            << e.caller.value_or("-") << ' ' << e.called.value_or("-") << ' ' << e.size << ' ' << e.state
            << '\n'
            << e.head << e.body.value_or("(erased)") << '\n';
        for (const auto& d : e.deliveries) out << d.handler << ' ' << d.state << ' ' << d.attempts << '\n';
        for (const auto& a : e.attempts)
            out << a.handler << a.attempt << a.outcome << a.why.value_or("") << '\n';
        if (e.answer) out << e.answer->body << e.answer->parts << '\n';
    }
    return out.str();
}

TEST(OldJournal, ReadsTheSameBeforeAndAfterItIsBroughtToThisVersion) {
    const test::TempDir dir;
    const auto file = dir.path() / "v1.db";
    std::ostringstream dump;
    dump << std::ifstream(FIXTURES "/../journals/v1.sql").rdbuf();
    {
        auto database = sqlite::Database::open(file, sqlite::Database::Mode::read_write_create).value();
        ASSERT_TRUE(database.execute(dump.str()));
    }
    const std::string before = describe(file);
    EXPECT_NE(before.find("Klant vroeg"), before.npos) << before;
    for (const char* part : {"1 01JH5Z0M6T0000000000000001 2026-01-09T14:56:49.123Z assistant-request",
                             "answered", "dead", "delivered", "stored", "(erased)", "log is down"})
        EXPECT_NE(before.find(part), before.npos) << part << " is not in\n" << before;
    {
        auto database = open_journal_to_write(file);
        ASSERT_TRUE(database) << database.error().what();
        EXPECT_EQ(database->integer("PRAGMA user_version").value(), 3);
        EXPECT_EQ(database->integer("SELECT count(*) FROM redelivery").value(), 0);
    }
    EXPECT_EQ(describe(file), before);
}

}  // namespace
}  // namespace hookswitch
