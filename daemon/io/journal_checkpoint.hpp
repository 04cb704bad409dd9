#pragma once

// Moves what is committed from the WAL to the database file, on a thread and a connection of its own,
// so that no commit waits for it. Inside of the journal.

#include "daemon/io/journal.hpp"
#include "daemon/io/sqlite.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace hookswitch {

class Checkpointer {
public:
    /// `gate` is held by whoever commits.
    Checkpointer(sqlite::Database database, std::int64_t page_size, std::mutex& gate,
                 JournalMetrics& metrics);
    ~Checkpointer();

    /// The WAL has this many pages now; called after every commit.
    void note(int wal_pages);

private:
    void run();
    bool pass();

    sqlite::Database database_;
    const std::int64_t page_size_;
    std::mutex& gate_;
    JournalMetrics& metrics_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::int64_t wal_pages_ = 0, done_pages_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace hookswitch
