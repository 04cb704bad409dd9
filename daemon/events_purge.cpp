// `hookswitch events purge`.

#include "daemon/events_purge.hpp"

#include "daemon/events_common.hpp"
#include "daemon/io/journal_command.hpp"
#include "daemon/io/journal_file.hpp"
#include "daemon/journal_location.hpp"

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <span>
#include <thread>

namespace hookswitch {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kRows = 500;        // that a transaction erases
constexpr int kPages = 256;               // that one gives back
constexpr int kLogAttempts = 20;          // to empty the write-ahead log
constexpr std::size_t kChunk = 1u << 20;  // of a file, looked through at once

// A running daemon must get its turn: callers wait for what it writes.
class Turns {
public:
    template <class Work>
    auto take(Work work) {
        const auto began = std::chrono::steady_clock::now();
        auto result = work();
        const auto took = std::chrono::steady_clock::now() - began;
        std::this_thread::sleep_for(
            std::clamp<std::chrono::steady_clock::duration>(took, milliseconds(2), milliseconds(200)));
        return result;
    }
};

std::uint64_t size_of(const std::filesystem::path& file) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(file, ignored);
    return ignored ? 0 : size;
}

std::uint64_t size_of_all(const std::filesystem::path& file) {
    return size_of(file) + size_of(file.string() + "-wal");
}

Result<> give_back_pages(sqlite::Database& database, Turns& turns) {
    TRY(const auto mode, database.integer("PRAGMA auto_vacuum"));
    if (mode != 2) return database.execute("VACUUM");  // made by something else than the daemon
    for (std::int64_t before = std::numeric_limits<std::int64_t>::max();;) {
        TRY(const auto free, database.integer("PRAGMA freelist_count"));
        if (free.value_or(0) == 0 || *free >= before) return {};
        before = *free;
        auto done = turns.take(
            [&] { return database.execute("PRAGMA incremental_vacuum(" + std::to_string(kPages) + ")"); });
        if (!done) return done;
    }
}

// What was erased may be in the write-ahead log for as long as it is not emptied, which needs a moment
// in which nobody reads.
bool empty_log(sqlite::Database& database) {
    sqlite3_busy_timeout(database.handle(), 250);
    for (int i = 0; i < kLogAttempts; ++i) {
        const int code = sqlite3_wal_checkpoint_v2(database.handle(), "main", SQLITE_CHECKPOINT_TRUNCATE,
                                                   nullptr, nullptr);
        if (code == SQLITE_OK) return true;
        std::this_thread::sleep_for(milliseconds(20));
    }
    return false;
}

bool file_mentions(const std::filesystem::path& file, const std::string& number) {
    std::ifstream in(file, std::ios::binary);
    std::string chunk, rest;
    while (in) {
        chunk.assign(kChunk, '\0');
        in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
        chunk.resize(static_cast<std::size_t>(in.gcount()));
        rest += chunk;
        if (mentions_number(rest, number)) return true;
        rest.erase(0, rest.size() - std::min<std::size_t>(rest.size(), 64));  // one across the edge
    }
    return false;
}

Result<PersonEvents> find_everything(sqlite::Database& database, JournalReader& reader,
                                     const std::string& number, const Console& console) {
    ProgressLine progress(console);
    TRY(auto found, find_person(database, number, [&](std::int64_t seq) {
            progress.show("looked at", static_cast<std::uint64_t>(seq));
        }));
    for (const std::string& call : found.calls) {
        EventFilter filter;
        filter.call = call;
        filter.limit = std::numeric_limits<std::size_t>::max();
        TRY(const auto events, reader.list(filter));
        for (const EventRow& event : events) found.seqs.insert(event.seq);
    }
    return found;
}

Result<> preview(JournalReader& reader, const PersonEvents& found, PurgeStep& out) {
    for (const std::int64_t seq : found.seqs) {
        TRY(const auto event, reader.load(seq));
        if (!event) continue;
        PurgeStep one;
        one.events = one.types[event->type] = 1;
        one.first_at = one.last_at = event->received_at;
        out.add(one);
    }
    return {};
}

Result<> erase(sqlite::Database& database, const PersonEvents& found, PurgeStep& out, Turns& turns) {
    const std::vector<std::int64_t> all(found.seqs.begin(), found.seqs.end());
    for (std::span rest(all); !rest.empty();) {
        const auto some = rest.first(std::min(kRows, rest.size()));
        TRY(const auto step, turns.take([&] { return erase_person_step(database, some); }));
        out.add(step);
        rest = rest.subspan(some.size());
    }
    return {};
}

Result<> erase_commands(sqlite::Database& database, const std::set<std::string, std::less<>>& calls,
                        const std::optional<std::string>& number) {
    TRY(auto transaction, sqlite::Transaction::begin(database));
    if (auto r = erase_commands_of(database, calls, number); !r) return r;
    return transaction.commit();
}

// A daemon holds a lock for as long as it runs. With it, none can start.
class DaemonLock {
public:
    explicit DaemonLock(const std::filesystem::path& file)
        : fd_(::open((std::filesystem::weakly_canonical(file).string() + ".lock").c_str(),
                     O_RDWR | O_CLOEXEC)) {
        held_ = fd_ >= 0 ? ::flock(fd_, LOCK_EX | LOCK_NB) == 0 : errno == ENOENT;
    }
    DaemonLock(const DaemonLock&) = delete;
    DaemonLock& operator=(const DaemonLock&) = delete;
    ~DaemonLock() {
        if (fd_ >= 0) ::close(fd_);
    }
    bool held() const { return held_; }

private:
    int fd_;
    bool held_ = false;
};

void look_through_files(const std::filesystem::path& file, PurgeReport& report) {
    report.remains = PurgeReport::Remains::none;
    if (file_mentions(file.string() + "-wal", *report.number)) report.remains = PurgeReport::Remains::in_log;
    if (file_mentions(file, *report.number)) report.remains = PurgeReport::Remains::in_file;
}

// SQLite may have left copies where it moved rows about before. Only a new file is free of them; while
// it is made nobody can write, which a running daemon cannot afford.
Result<> rewrite_if_needed(sqlite::Database& database, const std::filesystem::path& file,
                           PurgeReport& report) {
    if (report.remains != PurgeReport::Remains::in_file || !report.log_emptied) return {};
    const DaemonLock lock(file);
    if (!lock.held()) return {};
    if (auto r = database.execute("VACUUM"); !r) return r;
    report.log_emptied = empty_log(database);
    look_through_files(file, report);
    return {};
}

Result<> verify(sqlite::Database& database, const std::filesystem::path& file, PurgeReport& report,
                const Console& console) {
    ProgressLine progress(console);
    TRY(const auto left, find_person(database, *report.number, [&](std::int64_t seq) {
            progress.show("looked again at", static_cast<std::uint64_t>(seq));
        }));
    report.came_late = left.seqs.size();
    look_through_files(file, report);
    return rewrite_if_needed(database, file, report);
}

Result<PurgeReport> purge_person(const cli::EventsPurge& args, const std::filesystem::path& file,
                                 const Console& console) {
    PurgeReport report;
    report.dry_run = args.dry_run;
    report.number = args.caller;
    report.size_before = size_of_all(file);
    TRY(auto database, args.dry_run ? open_journal_to_read(file) : open_journal_to_write(file));
    TRY(auto reader, JournalReader::open(file));
    TRY(const auto found, find_everything(database, reader, *args.caller, console));
    report.calls = found.calls.size();
    if (args.dry_run) {
        if (auto r = preview(reader, found, report.erased); !r) return r.error();
        return report;
    }
    Turns turns;
    // Freed space is overwritten with zeros, and pages that the file loses with what moves into them.
    if (auto r = database.execute("PRAGMA secure_delete = ON"); !r) return r.error();
    if (auto r = erase(database, found, report.erased, turns); !r) return r.error();
    auto commands = turns.take([&] { return erase_commands(database, found.calls, args.caller); });
    if (!commands) return commands.error();
    if (auto r = give_back_pages(database, turns); !r) return r.error();
    report.log_emptied = empty_log(database);
    if (auto r = verify(database, file, report, console); !r) return r.error();
    report.size = size_of_all(file);
    return report;
}

Result<PurgeLimits> limits_of(const cli::EventsPurge& args) {
    PurgeLimits limits;
    limits.rows = kRows;
    if (args.older_than) {
        limits.retention = std::max(*args.older_than, milliseconds(1));  // zero would be for ever
        return limits;
    }
    const auto settings = locate_journal(args.place.config);
    if (!settings)
        return Error(settings.error().code(),
                     "find the retention: " + settings.error().what() +
                         ": name another configuration with -c, or say --older-than");
    limits.retention = settings->retention;
    limits.report_retention = settings->report_retention;
    limits.max_size = settings->max_size;
    return limits;
}

Result<PurgeReport> purge_old(const cli::EventsPurge& args, const std::filesystem::path& file,
                              const Console& console) {
    PurgeReport report;
    report.dry_run = args.dry_run;
    report.size_before = size_of_all(file);
    TRY(auto limits, limits_of(args));
    const Milliseconds now = wall_now();
    if (args.dry_run) {
        TRY(auto database, open_journal_to_read(file));
        TRY(report.erased, purge_preview(database, limits, now));
        return report;
    }
    TRY(auto database, open_journal_to_write(file));
    ProgressLine progress(console);
    Turns turns;
    do {
        TRY(const auto step, turns.take([&] { return purge_step(database, limits, now); }));
        report.erased.add(step);
        limits.from = step.next;
        progress.show("erased", report.erased.events);
    } while (report.erased.more);
    if (auto r = give_back_pages(database, turns); !r) return r.error();
    report.log_emptied = empty_log(database);
    report.size = size_of_all(file);
    return report;
}

}  // namespace

int run(const cli::EventsPurge& args, const Console& console) {
    const auto file = journal_file(args.place);
    if (!file) return complain(console, "events purge: " + file.error().what());
    const auto report = args.caller ? purge_person(args, *file, console) : purge_old(args, *file, console);
    if (!report) return complain(console, "events purge: " + explain_journal(report.error()).what());
    console.out << (args.json ? purge_report_json(*report) : purge_report_text(*report));
    if (report->complete()) return 0;
    return complain(console, "events purge: " + purge_remainder(*report, file->string()));
}

}  // namespace hookswitch
