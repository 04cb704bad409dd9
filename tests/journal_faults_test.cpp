// What the journal promises, on a disk that fails: what it acknowledged is there, what it refused is not
// done twice, and it says what is wrong.

#include "daemon/io/journal.hpp"

#include "daemon/core/metrics.hpp"
#include "daemon/io/journal_backlog.hpp"
#include "daemon/io/journal_schema.hpp"
#include "daemon/io/sqlite.hpp"
#include "tests/support/fault_vfs.hpp"
#include "tests/support/temp_dir.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace hookswitch::test {
namespace {

using namespace std::chrono_literals;
using On = FaultVfs::On;
using sqlite::Database;

constexpr auto kLong = 20s;  // nothing takes so long unless it is broken

struct Sent {
    std::string id, body;
    std::optional<Result<std::int64_t>> answer;

    bool accepted() const { return answer && *answer; }
};

struct Stored {
    std::string id, body;
    int copies = 0;
};

std::string number(std::size_t n) {
    std::string digits = std::to_string(n);
    return std::string(16 - digits.size(), '0') + digits;
}

// Text when small; else bytes that no compression makes smaller.
std::string body_of(std::size_t n, std::size_t size) {
    std::string body = R"({"message":{"type":"status-update","n":)" + std::to_string(n) + "}}";
    std::mt19937_64 random(n);
    const bool text = size < 2000;
    while (body.size() < size) body += text ? ' ' : static_cast<char>(random());
    return body;
}

class JournalFaults : public testing::Test {
protected:
    JournalSettings settings() const {
        JournalSettings s;
        s.retention = std::chrono::milliseconds(0);  // the events of this test are old
        s.path = directory.path() / "hookswitch.db";
        s.vfs = vfs->name();
        return s;
    }

    Result<> try_open() {
        auto opened = Journal::open(settings(), metrics);
        if (!opened) return opened.error();
        journal = std::move(*opened);
        journal->on_commit(context.get_executor(), [this](std::vector<Journal::Committed> events) {
            for (const auto& event : events)
                delivered.push_back(*std::static_pointer_cast<std::string>(event.load));
        });
        return {};
    }

    void open() {
        const auto opened = try_open();
        ASSERT_TRUE(opened) << opened.error().what();
    }

    JournalEntry entry(const Sent& event) const {
        JournalEntry e;
        e.id = event.id;
        e.received_at = Milliseconds(1'700'000'000'000ms);
        e.type = "status-update";
        e.dialect = "snake";
        e.source = "main";
        e.call = "call-1";
        e.handlers = "desk";
        e.dedupe = event.id;
        e.head = "POST /webhook HTTP/1.1\r\n\r\n";
        e.body = event.body;
        return e;
    }

    Sent& make(std::size_t size) {
        const std::size_t n = sent.size();
        return sent.emplace_back(number(n), body_of(n, size), std::nullopt);
    }

    Sent& append(std::size_t size = 600) { return send(make(size)); }

    Sent& send(Sent& event) {
        ++open_answers;
        journal->append(
            entry(event), context.get_executor(),
            [this, &event](Result<std::int64_t> seq) {
                event.answer = std::move(seq);
                --open_answers;
            },
            std::make_shared<std::string>(event.id));
        return event;
    }

    // Until every append has its answer.
    void settle() {
        const auto until = std::chrono::steady_clock::now() + kLong;
        while (open_answers > 0) {
            context.restart();
            context.run_one_until(until);
            ASSERT_LT(std::chrono::steady_clock::now(), until) << "an append was never answered";
        }
    }

    Sent& append_and_settle(std::size_t size = 600) {
        Sent& event = append(size);
        settle();
        return event;
    }

    void close() {
        journal.reset();
        context.restart();
        context.poll();
    }

    // What is in the file: of a copy, so that reading changes nothing.
    std::map<std::int64_t, Stored> stored() {
        const TempDir copy;
        for (const char* name : {"hookswitch.db", "hookswitch.db-wal"})
            if (std::filesystem::exists(directory.path() / name))
                std::filesystem::copy(directory.path() / name, copy.path() / name);
        std::map<std::int64_t, Stored> found;
        auto database = Database::open(copy.path() / "hookswitch.db", Database::Mode::read_write);
        if (!database) return found;
        const auto tables = database->integer("SELECT count(*) FROM sqlite_schema");
        if (!tables || **tables == 0) return found;  // the power failed before it was made
        EXPECT_EQ(database->text("PRAGMA integrity_check").value(), "ok");
        EXPECT_TRUE(check_journal(*database));
        JournalSettings there;
        there.path = copy.path() / "hookswitch.db";
        auto backlog = JournalBacklog::open(there);
        if (!backlog) {
            ADD_FAILURE() << backlog.error().what();
            return found;
        }
        auto rows = database->prepare("SELECT seq, id FROM event ORDER BY seq");
        while (rows->step().value()) {
            const std::int64_t seq = rows->integer(0);
            found[seq] = {std::string(rows->text(1)), body(**backlog, seq), found[seq].copies + 1};
        }
        return found;
    }

    std::string body(JournalBacklog& backlog, std::int64_t seq) {
        std::optional<std::string> got;
        boost::asio::io_context own;
        const auto work = boost::asio::make_work_guard(own);
        backlog.fetch(seq, own.get_executor(), [&](Result<std::optional<StoredTold>> event) {
            got = event && *event ? (*event)->body : "unreadable";
            own.stop();
        });
        own.run_for(kLong);
        return got.value_or("nothing came");
    }

    // Every event that was acknowledged is there, once, as it was, under its number.
    void expect_all_that_was_accepted() {
        const auto found = stored();
        std::map<std::string, int> copies;
        for (const auto& [seq, event] : found) ++copies[event.id];
        for (const Sent& event : sent) {
            EXPECT_LE(copies[event.id], 1) << event.id;
            if (!event.accepted()) continue;
            const auto at = found.find(**event.answer);
            ASSERT_TRUE(at != found.end()) << "event " << event.id << " is lost";
            EXPECT_EQ(at->second.id, event.id) << "its number was given twice";
            EXPECT_TRUE(at->second.body == event.body) << "the body of " << event.id << " is another";
        }
    }

    void expect_nothing_that_was_refused() {
        std::map<std::string, int> copies;
        for (const auto& [seq, event] : stored()) ++copies[event.id];
        for (const Sent& event : sent)
            if (!event.accepted()) {
                EXPECT_EQ(copies[event.id], 0) << event.id;
            }
    }

    void expect_each_accepted_event_was_handed_over_once() {
        std::map<std::string, int> times;
        for (const std::string& id : delivered) ++times[id];
        for (const Sent& event : sent) EXPECT_EQ(times[event.id], event.accepted() ? 1 : 0) << event.id;
    }

    void await_recovery() {
        const auto until = std::chrono::steady_clock::now() + kLong;
        while (journal->failure()) {
            ASSERT_LT(std::chrono::steady_clock::now(), until) << *journal->failure();
            std::this_thread::yield();
        }
    }

    const TempDir directory;
    std::optional<FaultVfs> vfs{std::in_place};
    JournalMetrics metrics;
    boost::asio::io_context context;
    std::unique_ptr<Journal> journal;
    std::deque<Sent> sent;
    std::vector<std::string> delivered;  // ids, in order
    int open_answers = 0;
};

testing::AssertionResult refused(const Sent& event, std::string_view words) {
    if (!event.answer) return testing::AssertionFailure() << "it was not answered";
    if (event.accepted()) return testing::AssertionFailure() << "it was accepted";
    const Error& error = event.answer->error();
    if (error != Errc::unavailable || error.what().find(words) == std::string::npos)
        return testing::AssertionFailure() << "refused with other words: " << error.what();
    return testing::AssertionSuccess();
}

// ---- loss of power

class LossOfPower : public JournalFaults {
protected:
    // Mostly small ones, some reports, and now and then one that fills many pages.
    std::size_t some_size() {
        const auto dice = random() % 20;
        return dice < 16 ? 600 : dice < 19 ? 5'000 + random() % 40'000 : 300'000;
    }

    // What else goes into the journal, and must not harm what is there.
    void record_something() {
        const Sent& event = sent[random() % sent.size()];
        if (!event.accepted()) return;
        DeliveryRecord record;
        record.seq = **event.answer;
        record.handler = "desk";
        record.at = Milliseconds(1'700'000'000'001ms);
        record.outcome = random() % 2 ? DeliveryRecord::Outcome::delivered : DeliveryRecord::Outcome::dead;
        journal->record(std::move(record));
        Sent asked{"asked-" + number(random() % 1000), body_of(1, some_size()), {}};
        auto question = entry(asked);
        question.handlers.reset();
        const auto ticket = journal->append(question);
        journal->answered(ticket, {Milliseconds(1'700'000'000'002ms), "{}", "[]"});
    }

    // Starts, takes events until the power fails, and comes up again.
    void live(std::uint64_t most_changes) {
        const bool early = random() % 4 == 0;  // perhaps while it is still starting
        const std::uint64_t at = 1 + random() % (early ? 30 : most_changes);
        if (early) vfs->cut_power_at(at);
        const bool opened = bool(try_open());
        if (!early) vfs->cut_power_at(at);
        while (opened && !vfs->power_is_cut()) {
            for (auto burst = 1 + random() % 20; burst > 0; --burst) append(some_size());
            settle();
            record_something();
        }
        vfs->cut_power();
        close();
        vfs->lose_unsynced();
        expect_all_that_was_accepted();
        for (const std::string& id : delivered)
            EXPECT_TRUE(sent[std::stoul(id)].accepted()) << id << " was handed over before it was safe";
    }

    void lives(std::uint64_t first, std::uint64_t last, std::uint64_t most_changes) {
        for (std::uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
            SCOPED_TRACE("seed " + std::to_string(seed));
            random.seed(seed);
            vfs.emplace(seed);
            for (const char* ending : {"", "-wal", "-shm", ".lock"})
                std::filesystem::remove(settings().path.string() + ending);
            sent.clear();
            delivered.clear();
            for (int life = 0; life < 4; ++life) live(most_changes);
            open();  // and it goes on
            EXPECT_TRUE(append_and_settle().accepted());
            close();
            expect_all_that_was_accepted();
        }
    }

    std::mt19937_64 random;
};

TEST_F(LossOfPower, TakesNothingThatWasAcknowledged) { lives(1, 25, 300); }

TEST_F(LossOfPower, NorAmongCheckpoints) {
    lives(101, 101, 8'000);
    EXPECT_GT(metrics.checkpoints.value(), 0u);
}

// Whoever writes over the beginning of the WAL must have the rest of it in the database file.
TEST_F(LossOfPower, NorWhenTheWalBeginsAnew) {
    for (const std::uint64_t seed : {201, 202}) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        random.seed(seed);
        vfs.emplace(seed);
        open();
        // Until it was written to its end, 64 MiB, and a while longer.
        std::uintmax_t size = 0, before = 0;
        while ((size = std::filesystem::file_size(settings().path.string() + "-wal")) > before || size == 0) {
            before = size;
            for (int i = 0; i < 5; ++i) append(400'000);
            settle();
        }
        vfs->cut_power_at(1 + random() % 3'000);
        while (!vfs->power_is_cut()) append_and_settle(some_size());
        close();
        vfs->lose_unsynced();
        expect_all_that_was_accepted();
        std::filesystem::remove(settings().path);
        sent.clear();
    }
}

// ---- no space

struct FullDisk : JournalFaults {
    void fill_up() {
        vfs->limit_space(vfs->space_used() + 60'000);
        while (append_and_settle(5'000).accepted()) {
        }
    }
};

TEST_F(FullDisk, RefusesAndSaysWhyAndGoesOnWhenThereIsRoom) {
    open();
    fill_up();
    EXPECT_TRUE(refused(sent.back(), "full"));
    ASSERT_TRUE(journal->failure());
    EXPECT_NE(journal->failure()->find("full"), std::string::npos) << *journal->failure();
    EXPECT_EQ(metrics.up.value(), 0);
    EXPECT_GE(metrics.failures.at_index(static_cast<std::size_t>(JournalFailure::full)).value(), 1u);

    const std::size_t again = sent.size() - 1;
    vfs->heal();
    send(sent[again]);  // as the platform does after a 503
    settle();
    EXPECT_TRUE(sent[again].accepted()) << sent[again].answer->error().what();
    EXPECT_FALSE(journal->failure());
    EXPECT_EQ(metrics.up.value(), 1);
    close();
    expect_all_that_was_accepted();
    expect_nothing_that_was_refused();
    expect_each_accepted_event_was_handed_over_once();
}

TEST_F(FullDisk, IsNoticedToHaveRoomAlsoWhileNothingComes) {
    open();
    fill_up();
    vfs->heal();
    await_recovery();
    EXPECT_TRUE(append_and_settle().accepted());
}

TEST_F(FullDisk, StillTakesWhatFits) {
    open();
    fill_up();
    vfs->limit_space(vfs->space_used() + 30'000);
    const Sent& big = append_and_settle(300'000);
    EXPECT_TRUE(refused(big, "full"));
    EXPECT_TRUE(append_and_settle(600).accepted());
    close();
    expect_all_that_was_accepted();
    expect_nothing_that_was_refused();
}

// What became of deliveries is about events that are safe: it is kept until it can be written.
TEST_F(FullDisk, LosesNoRecordOfDeliveries) {
    open();
    const std::int64_t seq = **append_and_settle().answer;
    fill_up();
    DeliveryRecord record;
    record.seq = seq;
    record.handler = "desk";
    record.outcome = DeliveryRecord::Outcome::failed;
    record.why = "the desk is closed";
    record.next_at = Milliseconds(1'700'000'100'000ms);
    journal->record(record);
    EXPECT_TRUE(refused(append_and_settle(20'000), "full"));
    vfs->heal();
    EXPECT_TRUE(append_and_settle().accepted());
    close();
    auto backlog = JournalBacklog::open(settings());
    ASSERT_TRUE(backlog) << backlog.error().what();
    const auto start = (*backlog)->start();
    ASSERT_TRUE(start);
    ASSERT_EQ(start->waiting.size(), 1u);
    EXPECT_EQ(start->waiting[0].seq, seq);
    EXPECT_EQ(start->waiting[0].attempts, 1);
}

TEST_F(FullDisk, DoesNotKeepCallersWaiting) {
    open();
    fill_up();
    Sent asked{"asked", "{}", {}};
    auto question = entry(asked);
    question.handlers.reset();
    const auto ticket = journal->append(question);
    journal->answered(ticket, {Milliseconds(1ms), "{}", "[]"});
    EXPECT_FALSE(append_and_settle(20'000).accepted());
    EXPECT_EQ(metrics.lost_records.value(), 1u);
}

TEST_F(FullDisk, IsFullFromTheStart) {
    vfs->limit_space(0);
    open();
    ASSERT_TRUE(journal->failure());
    EXPECT_TRUE(refused(append_and_settle(), "full"));
    vfs->heal();
    await_recovery();
    EXPECT_TRUE(append_and_settle().accepted());
}

// A checkpoint finds no room in the database file; commits go on in the WAL.
TEST_F(FullDisk, HoldsUpOnlyTheCheckpoint) {
    open();
    vfs->inject({On::write, SQLITE_FULL, "hookswitch.db"});
    for (int i = 0; i < 40; ++i) EXPECT_TRUE(append_and_settle(300'000).accepted());
    EXPECT_FALSE(journal->failure());
    vfs->heal();
    close();
    expect_all_that_was_accepted();
}

// ---- a sync that fails

struct FailedSync : JournalFaults {
    void fail_one_sync() {
        vfs->inject({On::sync, SQLITE_IOERR_FSYNC, "-wal", 1});
        EXPECT_TRUE(refused(append_and_settle(), "I/O error"));
    }
};

// The kernel has dropped what it could not write and does not say so twice.
TEST_F(FailedSync, RefusesEverythingUntilARestart) {
    open();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(append_and_settle().accepted());
    fail_one_sync();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(refused(append_and_settle(), "restart"));
    ASSERT_TRUE(journal->failure());
    EXPECT_NE(journal->failure()->find("restart"), std::string::npos) << *journal->failure();

    vfs->cut_power();
    close();
    vfs->lose_unsynced();
    expect_all_that_was_accepted();
    expect_each_accepted_event_was_handed_over_once();
    open();
    EXPECT_FALSE(journal->failure());
    EXPECT_TRUE(append_and_settle().accepted());
    close();
    expect_all_that_was_accepted();
}

// The process ends, the machine does not.
TEST_F(FailedSync, IsFollowedByAnOrderlyEnd) {
    open();
    EXPECT_TRUE(append_and_settle().accepted());
    fail_one_sync();
    close();
    expect_all_that_was_accepted();
    open();
    EXPECT_TRUE(append_and_settle().accepted());
    close();
    expect_all_that_was_accepted();
}

TEST_F(FailedSync, OfACheckpointLosesNothing) {
    open();
    vfs->inject({On::sync, SQLITE_IOERR_FSYNC, "hookswitch.db"});
    for (int i = 0; i < 40; ++i) (void)append_and_settle(300'000);
    vfs->cut_power();
    close();
    vfs->heal();
    vfs->lose_unsynced();
    expect_all_that_was_accepted();
}

// ---- a disk that is in the way

TEST_F(JournalFaults, AFailedWriteIsTriedAgain) {
    open();
    vfs->inject({On::write, SQLITE_IOERR_WRITE, "-wal", 3});
    EXPECT_TRUE(refused(append_and_settle(20'000), "I/O error"));
    EXPECT_TRUE(append_and_settle().accepted());
    EXPECT_FALSE(journal->failure());
    close();
    expect_all_that_was_accepted();
    expect_nothing_that_was_refused();
}

TEST_F(JournalFaults, AReadOnlyDiskIsUsedAgainOnceItIsWritable) {
    open();
    EXPECT_TRUE(append_and_settle().accepted());
    vfs->inject({On::write, SQLITE_READONLY, ""});
    EXPECT_TRUE(refused(append_and_settle(), "readonly"));
    ASSERT_TRUE(journal->failure());
    EXPECT_TRUE(refused(append_and_settle(), "readonly"));
    vfs->heal();
    await_recovery();
    EXPECT_TRUE(append_and_settle().accepted());
    close();
    expect_all_that_was_accepted();
    expect_nothing_that_was_refused();
    expect_each_accepted_event_was_handed_over_once();
}

TEST_F(JournalFaults, AnotherConnectionHoldsTheLock) {
    open();
    EXPECT_TRUE(append_and_settle().accepted());
    {
        auto other = Database::open(settings().path, Database::Mode::read_write, vfs->name());
        ASSERT_TRUE(other && other->execute("BEGIN IMMEDIATE"));
        EXPECT_TRUE(refused(append_and_settle(), "locked"));
        EXPECT_TRUE(journal->failure());
    }
    EXPECT_TRUE(append_and_settle().accepted());
    EXPECT_FALSE(journal->failure());
    close();
    expect_all_that_was_accepted();
    expect_nothing_that_was_refused();
}

TEST_F(JournalFaults, AnotherConnectionHoldsTheLockAtTheStart) {
    open();
    close();
    {
        auto other = Database::open(settings().path, Database::Mode::read_write, vfs->name());
        ASSERT_TRUE(other && other->execute("BEGIN IMMEDIATE"));
        open();
        ASSERT_TRUE(journal->failure());
        EXPECT_TRUE(refused(append_and_settle(), "locked"));
    }
    await_recovery();
    EXPECT_TRUE(append_and_settle().accepted());
}

TEST_F(JournalFaults, AShortLockIsWaitedFor) {
    open();
    auto other = Database::open(settings().path, Database::Mode::read_write, vfs->name());
    // The daemon has work of its own at the start, which this has to wait for.
    ASSERT_TRUE(other && other->execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE"));
    Sent& event = append();
    context.restart();
    context.poll();  // it is on its way
    ASSERT_TRUE(other->execute("COMMIT"));
    settle();
    EXPECT_TRUE(event.accepted()) << event.answer->error().what();
}

// ---- a file that cannot be used

TEST_F(JournalFaults, AFileOfGarbageIsFailingFromTheStart) {
    std::ofstream(settings().path, std::ios::binary) << std::string(100'000, 'x');
    open();
    ASSERT_TRUE(journal->failure());
    EXPECT_NE(journal->failure()->find("not a database"), std::string::npos) << *journal->failure();
    EXPECT_TRUE(refused(append_and_settle(), "restart"));
    EXPECT_EQ(metrics.up.value(), 0);
    close();
    EXPECT_EQ(std::filesystem::file_size(settings().path), 100'000u) << "it was touched";
}

TEST_F(JournalFaults, PagesThatAreOverwrittenDoNotEndTheProcess) {
    open();
    for (int i = 0; i < 30; ++i) EXPECT_TRUE(append_and_settle(20'000).accepted());
    close();
    vfs.emplace(2);  // which does not know what was there before
    for (const std::size_t from : {std::size_t{8192}, std::size_t{3 * 8192}}) {
        std::fstream file(settings().path, std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(from)) << std::string(60'000, 'x');
    }
    if (!try_open()) return;
    (void)append_and_settle();
    (void)append_and_settle(300'000);
    Sent asked{"asked", "{}", {}};
    auto question = entry(asked);
    question.handlers.reset();
    journal->answered(journal->append(question), {Milliseconds(1ms), "{}", "[]"});
    ASSERT_TRUE(journal->failure());
    EXPECT_NE(journal->failure()->find("malformed"), std::string::npos) << *journal->failure();
    close();
}

TEST_F(JournalFaults, ADatabaseOfSomebodyElseIsLeftAlone) {
    {
        auto other = Database::open(settings().path, Database::Mode::read_write_create);
        ASSERT_TRUE(other && other->execute("CREATE TABLE customers(name); PRAGMA user_version = 7"));
    }
    const auto opened = try_open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), Errc::invalid_config);
    auto other = Database::open(settings().path, Database::Mode::read_write);
    EXPECT_EQ(other->text("SELECT group_concat(name) FROM sqlite_schema").value(), "customers");
    EXPECT_EQ(other->integer("PRAGMA user_version").value(), 7);
}

TEST_F(JournalFaults, AFileOfANewerVersionIsRefused) {
    open();
    close();
    {
        auto newer = Database::open(settings().path, Database::Mode::read_write);
        ASSERT_TRUE(newer && newer->execute("PRAGMA user_version = 1000"));
    }
    vfs.emplace(2);
    const auto opened = try_open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), Errc::invalid_config);
    EXPECT_NE(opened.error().what().find("newer version"), std::string::npos) << opened.error().what();
}

TEST_F(JournalFaults, TwoCannotHaveTheSameFile) {
    open();
    const auto second = Journal::open(settings(), metrics);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), Errc::invalid_config);
    EXPECT_NE(second.error().what().find("another hookswitch"), std::string::npos) << second.error().what();
    close();
    open();
    EXPECT_TRUE(append_and_settle().accepted());
}

TEST_F(JournalFaults, ADirectoryThatIsNotThereIsAnError) {
    auto nowhere = settings();
    nowhere.path = directory.path() / "none" / "hookswitch.db";
    EXPECT_FALSE(Journal::open(nowhere, metrics));
}

}  // namespace
}  // namespace hookswitch::test
