// The journal's beginning, and what its thread does between commits.

#include "daemon/core/metrics.hpp"
#include "daemon/io/journal_purge.hpp"
#include "daemon/io/journal_schema.hpp"
#include "daemon/io/journal_writer.hpp"
#include "daemon/io/log.hpp"
#include "daemon/io/wall_clock.hpp"

#include <boost/asio/post.hpp>

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;

constexpr auto kTick = std::chrono::milliseconds(500);
constexpr auto kAfterFailure = std::chrono::seconds(30);

// Some milliseconds of work, and how often while there is more: ten thousand events a second go.
constexpr std::size_t kRetentionRows = 200;
constexpr auto kBetweenSteps = std::chrono::milliseconds(20);

// Once a minute is often enough for days; who keeps events for seconds wants to see it sooner.
std::chrono::milliseconds pause_of_retention(const PurgeLimits& limits) {
    using std::chrono::milliseconds;
    auto shortest = milliseconds(std::chrono::minutes(10));
    for (const auto retention : {limits.retention, limits.report_retention})
        if (retention.count() > 0) shortest = std::min(shortest, retention);
    return std::max(shortest / 10, milliseconds(500));
}

// Nobody mends these by waiting, so a start with them is a mistake of the operator's.
bool cannot_be_used_at_all(const Error& error) {
    if (error.code() == boost::system::errc::read_only_file_system) return false;
    const int code = sqlite::primary_code(error);
    return code == 0 || code == SQLITE_CANTOPEN || code == SQLITE_PERM || code == SQLITE_AUTH;
}

std::uintmax_t size_of(const std::filesystem::path& file) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(file, ignored);
    return ignored ? 0 : size;
}

}  // namespace

// Two daemons on one file would deliver everything twice. The lock goes with the process, however it
// ends.
Result<> Journal::Writer::lock_file() {
    // The same for every name of the file.
    std::error_code ignored;
    const auto canonical = std::filesystem::weakly_canonical(settings_.path, ignored);
    const std::string file = (ignored ? settings_.path : canonical).string() + ".lock";
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return hookswitch::fail({errno, boost::system::system_category()}, "open " + file);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
        lock_fd_ = fd;
        return {};
    }
    ::close(fd);
    return hookswitch::fail(Errc::invalid_config,
                            "another hookswitch has " + settings_.path.string() + " open");
}

void Journal::Writer::start() {
    thread_ = std::thread([this] { run(); });
}

void Journal::Writer::tick() {
    next_tick_ = Clock::now() + kTick;
    if (auto r = still_there(); !r) return fail(r.error());
    if (failure()) try_again();
    if (failure()) return;
    if (auto r = notice_others(); !r) return upkeep_failed(r.error());
    if (auto r = find_redeliveries(); !r) return upkeep_failed(r.error());
    if (auto r = retention_step(); !r) return upkeep_failed(r.error());
    next_tick_ = std::min(next_tick_, next_retention_);
    metrics_.file_bytes.set(size_of(settings_.path));
    metrics_.wal_bytes.set(size_of(settings_.path.string() + "-wal"));
}

// Who moves or removes the file of a running daemon leaves it writing to one that nobody will find again.
Result<> Journal::Writer::still_there() {
    struct stat now {};
    if (dead_ || inode_ == 0) return {};
    if (::stat(settings_.path.c_str(), &now) == 0 && now.st_ino == inode_ && now.st_dev == device_) return {};
    return hookswitch::fail(Errc::invalid_config, "the file was moved or removed while it was in use");
}

// Of a damaged old row, say: what is appended is not in doubt for it. A write that failed at the disk is
// another matter.
void Journal::Writer::upkeep_failed(const Error& why) {
    if (sqlite::primary_code(why) == SQLITE_IOERR) return fail(why);
    log::error("journal.upkeep_failed", kv("file", settings_.path.string()), kv("why", why.what()));
    next_tick_ = next_retention_ = Clock::now() + kAfterFailure;
}

// So that a full disk that has room again is noticed also while no event comes.
void Journal::Writer::try_again() {
    if (dead_) return;
    if (lock_fd_ < 0)
        if (auto r = lock_file(); !r) return fail(r.error());
    if (std::exchange(reopen_, false) || !rows_)
        if (auto r = connect(); !r) return fail(r.error());
    const auto probe = [this]() -> Result<> {
        const std::lock_guard lock(gate_);
        TRY(auto transaction, sqlite::Transaction::begin(rows_->database()));
        if (auto r = rows_->set("next_seq", next_seq_); !r) return r;
        return transaction.commit();
    };
    if (auto r = probe(); !r) return fail(r.error());
    recovered();
    if (!retained_.empty()) commit({});
}

// What complete buckets lack in the index, and the one that is not complete.
Result<> Journal::Writer::read_buckets() {
    TRY(complete_, rows_->unindexed_buckets());
    bucket_ = {};
    if (!complete_.empty() && complete_.back().number == next_seq_ >> kBucketBits) {
        bucket_ = std::move(complete_.back());
        complete_.pop_back();
    }
    return {};
}

// `events purge` may have erased somebody whose number this still has a hash of.
Result<> Journal::Writer::notice_others() {
    TRY(const auto version, rows_->database().integer("PRAGMA data_version"));
    const bool same = version == data_version_;
    const bool first = data_version_ == 0;
    data_version_ = version.value_or(0);
    if (same || first) return {};
    others_wrote_ = true;
    {
        const std::lock_guard lock(mutex_);
        if (changed_) asio::post(change_executor_, changed_);
    }
    return read_buckets();
}

Result<> Journal::Writer::find_redeliveries() {
    asio::any_io_executor executor;
    Redelivery take;
    {
        const std::lock_guard lock(mutex_);
        executor = redelivery_executor_;
        take = redelivery_;
    }
    if (!take) return {};
    const auto time = wall_now();
    const std::lock_guard lock(gate_);
    TRY(auto found, rows_->take_redeliveries(time));
    if (!found.empty())
        asio::post(executor, [take, found = std::move(found)]() mutable { take(std::move(found)); });
    return {};
}

// A little at a time, so that no commit waits for long; and again soon if there is more.
Result<> Journal::Writer::retention_step() {
    if (Clock::now() < next_retention_) return {};
    PurgeLimits limits;
    {
        const std::lock_guard lock(mutex_);
        limits.retention = settings_.retention;
        limits.report_retention = settings_.report_retention;
        limits.max_size = settings_.max_size;
    }
    limits.rows = kRetentionRows;
    limits.from = purge_from_;
    const auto time = wall_now();
    const std::lock_guard lock(gate_);
    TRY(const auto step, purge_step(rows_->database(), limits, time));
    purge_from_ = step.more ? step.next : 0;
    purged_.add(step);
    next_retention_ = Clock::now() + (step.more ? kBetweenSteps : pause_of_retention(limits));
    if (step.more || purged_.events + purged_.bodies == 0) return {};
    log::info("journal.purged", kv("events", purged_.events), kv("bodies", purged_.bodies));
    purged_ = {};
    return {};
}

void Journal::Writer::on_commit(const asio::any_io_executor& executor, Delivery deliver) {
    delivery_executor_ = executor;
    delivery_ = std::move(deliver);
}

void Journal::Writer::on_redelivery(const asio::any_io_executor& executor, Redelivery take) {
    const std::lock_guard lock(mutex_);
    redelivery_executor_ = executor;
    redelivery_ = std::move(take);
}

void Journal::Writer::on_change(const asio::any_io_executor& executor, std::function<void()> changed) {
    const std::lock_guard lock(mutex_);
    change_executor_ = executor;
    changed_ = std::move(changed);
}

void Journal::Writer::when_usable(const asio::any_io_executor& executor, std::function<void()> usable) {
    const std::lock_guard lock(mutex_);
    if (!failure_) return asio::post(executor, std::move(usable));
    usable_executor_ = executor;
    usable_ = std::move(usable);
}

void Journal::Writer::look_now() {
    {
        const std::lock_guard lock(mutex_);
        look_now_ = true;
    }
    wake_.notify_one();
}

std::optional<std::string> Journal::Writer::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

void Journal::Writer::retain(const JournalSettings& settings) {
    const std::lock_guard lock(mutex_);
    settings_.retention = settings.retention;
    settings_.report_retention = settings.report_retention;
    settings_.max_size = settings.max_size;
}

Result<> Journal::Writer::open() {
    auto opened = lock_file();
    if (opened) opened = connect();
    if (opened)
        metrics_.up.set(1);
    else if (cannot_be_used_at_all(opened.error()))
        return opened;
    else
        fail(opened.error());
    start();
    return {};
}

}  // namespace hookswitch
