// That the disk of our tests loses what a real one would, and nothing else. SQLite is the witness: its
// own promises for each of its settings are known.

#include "tests/support/fault_vfs.hpp"

#include "daemon/io/sqlite.hpp"
#include "tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <optional>
#include <random>
#include <stdexcept>
#include <string>

namespace hookswitch::test {
namespace {

using sqlite::Database;
using On = FaultVfs::On;

struct Settings {
    const char* journal_mode;
    const char* synchronous;
};

std::string insert(int number) {
    return "INSERT INTO t VALUES(" + std::to_string(number) + ", randomblob(3000))";
}

Database open(const TempDir& directory, const FaultVfs& vfs, const Settings& settings) {
    auto database = Database::open(directory.path() / "t.db", Database::Mode::read_write_create, vfs.name());
    if (!database) throw std::runtime_error(database.error().what());
    // The database file is created before the power can fail, as a journal's is.
    (void)database->execute(std::string("PRAGMA journal_mode=") + settings.journal_mode +
                            "; PRAGMA synchronous=" + settings.synchronous +
                            "; PRAGMA wal_autocheckpoint=20;"
                            "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, filling)");
    return std::move(*database);
}

struct Found {
    std::int64_t rows = 0;
    int acknowledged = 0;
    bool usable = true;  // SQLite finds no fault in the file

    bool lost_some() const { return !usable || rows < acknowledged; }
};

// One machine's life: commits until the power fails, and what is there afterwards.
Found life(std::uint64_t seed, const Settings& settings) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const TempDir directory;
    FaultVfs vfs(seed);
    Found found;
    {
        Database database = open(directory, vfs, settings);
        std::mt19937_64 random(seed);
        vfs.cut_power_at(1 + random() % 300);
        while (database.execute(insert(found.acknowledged + 1))) ++found.acknowledged;
        EXPECT_TRUE(vfs.power_is_cut());
    }
    vfs.lose_unsynced();
    Database database = open(directory, vfs, settings);
    const auto rows = database.integer("SELECT count(*) FROM t");
    const auto check = database.text("PRAGMA integrity_check");
    found.usable = rows && check && *check == "ok";
    if (rows) found.rows = **rows;
    const auto last = database.integer("SELECT ifnull(max(n), 0) FROM t");
    if (found.usable) {
        EXPECT_EQ(**last, found.rows) << "a gap";
    }
    return found;
}

int lives_with_a_loss(const Settings& settings, int lives, int& broken) {
    int losses = 0;
    for (int seed = 1; seed <= lives; ++seed) {
        const Found found = life(static_cast<std::uint64_t>(seed), settings);
        losses += found.lost_some();
        broken += !found.usable;
    }
    return losses;
}

constexpr int kLives = 100;

TEST(LoseUnsynced, TakesNothingThatWasSynced) {
    for (const Settings& settings : {Settings{"WAL", "FULL"}, {"DELETE", "EXTRA"}, {"TRUNCATE", "FULL"}}) {
        SCOPED_TRACE(settings.journal_mode);
        int broken = 0;
        EXPECT_EQ(lives_with_a_loss(settings, kLives, broken), 0);
    }
}

// With FULL the name of the rollback journal is deleted without a sync: what SQLite calls EXTRA for.
TEST(LoseUnsynced, BringsBackADeletedFile) {
    int broken = 0;
    EXPECT_GT(lives_with_a_loss({"DELETE", "FULL"}, kLives, broken), kLives / 10);
    EXPECT_EQ(broken, 0);
}

// SQLite without syncs promises nothing; with fewer syncs, that the file is whole.
TEST(LoseUnsynced, TakesWhatWasNotSynced) {
    int broken = 0;
    EXPECT_GT(lives_with_a_loss({"WAL", "NORMAL"}, kLives, broken), kLives / 4);
    EXPECT_EQ(broken, 0);
    EXPECT_GT(lives_with_a_loss({"WAL", "OFF"}, kLives, broken), kLives / 4);
    EXPECT_GT(broken, kLives / 20) << "nothing was torn";
}

TEST(LoseUnsynced, IsTheSameForTheSameSeed) {
    for (const std::uint64_t seed : {7u, 8u, 9u})
        EXPECT_EQ(life(seed, {"WAL", "NORMAL"}).rows, life(seed, {"WAL", "NORMAL"}).rows);
}

struct FaultVfsTest : testing::Test {
    TempDir directory;
    FaultVfs vfs;
    std::optional<Database> database = open(directory, vfs, {"WAL", "FULL"});
    int number = 0;

    // 0: it works.
    int code_of_insert() {
        auto done = database->execute(insert(++number));
        return done ? SQLITE_OK : done.error().code().value();
    }
    std::int64_t rows() { return **database->integer("SELECT count(*) FROM t"); }
};

TEST_F(FaultVfsTest, FailsOnceOrUntilItIsHealed) {
    vfs.inject({On::write, SQLITE_IOERR_WRITE, "-wal", 2});
    EXPECT_EQ(code_of_insert(), SQLITE_IOERR_WRITE);
    EXPECT_EQ(code_of_insert(), SQLITE_OK);
    vfs.inject({On::write, SQLITE_FULL, "-wal"});
    EXPECT_EQ(code_of_insert(), SQLITE_FULL);
    EXPECT_EQ(code_of_insert(), SQLITE_FULL);
    vfs.heal();
    EXPECT_EQ(code_of_insert(), SQLITE_OK);
    EXPECT_EQ(rows(), 2);
}

TEST_F(FaultVfsTest, HitsOnlyTheFileThatIsNamed) {
    vfs.inject({On::write, SQLITE_FULL, "t.db"});
    EXPECT_EQ(code_of_insert(), SQLITE_OK);
    EXPECT_FALSE(database->execute("PRAGMA wal_checkpoint"));
}

TEST_F(FaultVfsTest, RefusesToOpen) {
    vfs.inject({On::open, SQLITE_CANTOPEN, "t.db"});
    const auto second = Database::open(directory.path() / "t.db", Database::Mode::read_write, vfs.name());
    ASSERT_FALSE(second);
    EXPECT_EQ(sqlite::primary_code(second.error()), SQLITE_CANTOPEN);
}

TEST_F(FaultVfsTest, IsFullAndHasRoomAgain) {
    vfs.limit_space(vfs.space_used() + 20'000);
    int fitted = 0;
    while (code_of_insert() == SQLITE_OK) ++fitted;
    EXPECT_GT(fitted, 0);
    EXPECT_LT(fitted, 6);
    EXPECT_EQ(code_of_insert(), SQLITE_FULL);
    vfs.heal();
    EXPECT_EQ(code_of_insert(), SQLITE_OK);
    EXPECT_EQ(rows(), fitted + 1);
    EXPECT_EQ(*database->text("PRAGMA integrity_check"), "ok");
}

// A commit is repaired by SQLite, which writes it anew; what an earlier one left to a later sync is not.
TEST_F(FaultVfsTest, AFailedSyncHasDroppedWhatItShouldHaveWritten) {
    int lost = 0;
    for (int i = 0; i < 20; ++i) {
        database.reset();
        database = open(directory, vfs, {"WAL", "NORMAL"});
        const auto before = rows();
        ASSERT_EQ(code_of_insert(), SQLITE_OK);
        vfs.inject({On::sync, SQLITE_IOERR_FSYNC, "-wal", 1});
        EXPECT_FALSE(database->execute("PRAGMA wal_checkpoint"));
        vfs.inject({On::write, SQLITE_IOERR_WRITE, "t.db", 1});
        EXPECT_FALSE(database->execute("PRAGMA wal_checkpoint")) << "the second sync reported an error";
        vfs.cut_power();
        database.reset();
        vfs.lose_unsynced();
        database = open(directory, vfs, {"WAL", "NORMAL"});
        lost += rows() == before;
    }
    EXPECT_GT(lost, 5);
}

}  // namespace
}  // namespace hookswitch::test
