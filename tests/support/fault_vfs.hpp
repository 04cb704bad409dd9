#pragma once

// A disk that fails when it is told to, between SQLite and the system's files. It knows what has been
// synced, and so what a machine that loses power would find afterwards; and it can be full, broken or
// read-only, as SQLite would see it.
//
// What it stands for: without a sync nothing is safe and nothing has an order. After a loss of power
// an unsynced write may be there, or not, or in part, cut at 512 bytes; a new, a truncated or a
// deleted file may be as it was before. A sync that fails has dropped what it should have written:
// the next one succeeds and brings nothing of it back, as on Linux.
//
// Any thread may call any member; connections may be open on several.

#include <cstdint>
#include <memory>
#include <string>

namespace hookswitch::test {

class FaultDisk;

class FaultVfs {
public:
    enum class On { open, read, write, sync, truncate };

    struct Fault {
        On on = On::write;
        int code = 0;           // for SQLite: SQLITE_FULL, SQLITE_IOERR_FSYNC, ...
        std::string file;       // the end of the names that it hits, e.g. "-wal"; empty: all
        std::uint64_t nth = 0;  // counted from now, and only that one; 0: every one
    };

    /// `seed` decides what is lost.
    explicit FaultVfs(std::uint64_t seed = 1);

    /// Connections must be closed.
    ~FaultVfs();
    FaultVfs(const FaultVfs&) = delete;
    FaultVfs& operator=(const FaultVfs&) = delete;

    /// For sqlite3_open_v2(), or JournalSettings.
    const std::string& name() const;

    void inject(Fault fault);

    /// The files together may not grow beyond this: a write of which not all fits writes what does, and
    /// is SQLITE_FULL.
    void limit_space(std::uint64_t bytes);

    /// Nothing fails any more, and there is room again.
    void heal();

    /// From now on nothing reaches the files and all that tries fails, until lose_unsynced().
    void cut_power();

    /// The same in the midst of the nth write, sync or truncation from now.
    void cut_power_at(std::uint64_t nth);
    bool power_is_cut() const;

    /// Makes the files what the machine would find when it comes up again, and turns the power on.
    /// Connections must be closed, which after cut_power() changes nothing any more.
    void lose_unsynced();

    std::uint64_t writes() const;
    std::uint64_t syncs() const;
    std::uint64_t space_used() const;

private:
    std::unique_ptr<FaultDisk> disk_;
};

}  // namespace hookswitch::test
