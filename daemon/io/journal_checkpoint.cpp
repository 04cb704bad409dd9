#include "daemon/io/journal_checkpoint.hpp"

#include "daemon/core/metrics.hpp"
#include "daemon/io/log.hpp"

#include <sqlite3.h>

#include <utility>

namespace hookswitch {
namespace {

using log::kv;

// Small enough that the disk is never busy with one for long, large enough that pages which change
// with every commit are written once for many.
constexpr std::int64_t kPass = std::int64_t{4} << 20;

// The WAL begins anew when it has this much and all of it is in the database file. While commits go
// on there is always a little that is not, so the last bit is done with commits held up.
constexpr std::int64_t kRestart = std::int64_t{64} << 20;

}  // namespace

Checkpointer::Checkpointer(sqlite::Database database, std::int64_t page_size, std::mutex& gate,
                           JournalMetrics& metrics)
    : database_(std::move(database)), page_size_(page_size), gate_(gate), metrics_(metrics) {
    thread_ = std::thread([this] { run(); });
}

Checkpointer::~Checkpointer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Checkpointer::note(int wal_pages) {
    const std::lock_guard lock(mutex_);
    if (wal_pages < wal_pages_) done_pages_ = 0;  // it began anew
    wal_pages_ = wal_pages;
    if ((wal_pages_ - done_pages_) * page_size_ >= kPass) wake_.notify_one();
}

void Checkpointer::run() {
    bool failing = false;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            const auto due = [this] { return (wal_pages_ - done_pages_) * page_size_ >= kPass; };
            // After a failure (a full disk, another process's checkpoint) it waits before it tries again.
            if (failing) wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; });
            wake_.wait(lock, [&] { return stopping_ || due(); });
            if (stopping_) return;
        }
        failing = !pass();
    }
}

bool Checkpointer::pass() {
    const auto began = std::chrono::steady_clock::now();
    int pages = 0, done = 0;
    int code =
        sqlite3_wal_checkpoint_v2(database_.handle(), "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
    // `pages` is what there was at its beginning; more has come since.
    if (code == SQLITE_OK && done == pages && pages * page_size_ >= kRestart) {
        const std::lock_guard lock(gate_);
        code =
            sqlite3_wal_checkpoint_v2(database_.handle(), "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
    }
    const bool ok = code == SQLITE_OK;
    if (!ok && code != SQLITE_BUSY)
        log::warn("journal.checkpoint_failed", kv("why", sqlite3_errmsg(database_.handle())));
    metrics_.checkpoints.add();
    metrics_.checkpoint_seconds.observe(std::chrono::steady_clock::now() - began);
    const std::lock_guard lock(mutex_);
    // What a reader holds up is not tried again before there is more.
    done_pages_ = ok ? std::max(std::min<std::int64_t>(pages, wal_pages_), std::int64_t{0}) : done_pages_;
    return ok;
}

}  // namespace hookswitch
