#include "daemon/io/journal_purge.hpp"

#include "daemon/core/search_index.hpp"
#include "daemon/io/journal_command.hpp"
#include "daemon/io/journal_schema.hpp"
#include "daemon/io/journal_table.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace hookswitch {
namespace {

using std::chrono::milliseconds;

// An answer is written later than its event: so long, an event without one is not finished.
constexpr auto kAnswerTime = std::chrono::minutes(1);

// A clock that ran ahead for a while must not keep all that came after it.
constexpr auto kClockError = std::chrono::hours(24);

constexpr std::size_t kLookAt = 10;  // events for each one that may be erased

// Pages that a step gives back to the file system: some milliseconds of work.
constexpr const char* kShrink = "PRAGMA incremental_vacuum(64)";

constexpr std::string_view kReport = "end-of-call-report";
constexpr std::string_view kReportsDone = "reports_erased_before";  // in meta: where to go on

struct Victim {
    std::int64_t seq;
    Milliseconds received_at;
    std::string type;
};

Result<std::int64_t> meta(sqlite::Database& database, std::string_view key) {
    TRY(auto row, database.prepare("SELECT value FROM meta WHERE key = ?"));
    TRY(const bool found, row.bind(1, key).step());
    return found ? row.integer(0) : 0;
}

Result<> raise_meta(sqlite::Database& database, std::string_view key, std::int64_t value) {
    TRY(auto row, database.prepare("INSERT INTO meta VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = "
                                   "max(value, ?2)"));
    return row.bind(1, key).bind(2, value).run();
}

// Tells which events nobody has to do anything with any more.
class Settled {
public:
    static Result<Settled> prepare(sqlite::Database& database, Milliseconds now) {
        Settled self;
        self.now_ = now;
        TRY(self.delivered_before_, meta(database, "delivered_before"));
        TRY(self.open_, database.prepare("SELECT EXISTS(SELECT 1 FROM unsettled WHERE seq = ?1 AND state = "
                                         "'waiting') OR EXISTS(SELECT 1 FROM redelivery WHERE seq = ?1)"));
        TRY(self.tried_, database.prepare("SELECT count(DISTINCT handler) FROM attempt WHERE seq = ?"));
        TRY(self.answered_, database.prepare("SELECT count(*) FROM answer WHERE seq = ?"));
        return self;
    }

    // `row`: seq, received_at, type, handlers.
    Result<bool> operator()(const sqlite::Statement& row) {
        const std::int64_t seq = row.integer(0);
        if (row.is_null(3)) {
            if (row.time(1) < now_ - kAnswerTime) return true;
            TRY(const auto answers, number(answered_, seq));
            return answers > 0;
        }
        const std::string_view handlers = row.text(3);
        if (handlers.empty()) return true;
        TRY(const auto open, number(open_, seq));
        if (open != 0) return false;
        if (seq < delivered_before_) return true;
        TRY(const auto tried, number(tried_, seq));
        return tried > std::ranges::count(handlers, '\n');
    }

private:
    Settled() = default;
    static Result<std::int64_t> number(sqlite::Statement& statement, std::int64_t seq) {
        TRY(const bool row, statement.bind(1, seq).step());
        const std::int64_t value = row ? statement.integer(0) : 0;
        statement.reset();
        return value;
    }

    Milliseconds now_;
    std::int64_t delivered_before_ = 0;
    sqlite::Statement open_, tried_, answered_;
};

constexpr const char* kOldest =
    "SELECT seq, received_at, type, handlers FROM event WHERE seq >= ? ORDER BY seq";

// What is due, from `limits.from` on; nullopt as `before`: however young it is.
Result<std::vector<Victim>> due(sqlite::Database& database, const PurgeLimits& limits,
                                std::optional<Milliseconds> before, Milliseconds now, PurgeStep& step) {
    std::vector<Victim> victims;
    TRY(auto settled, Settled::prepare(database, now));
    TRY(auto rows, database.prepare(kOldest));
    rows.bind(1, limits.from);
    step.next = limits.from;
    for (std::size_t looked = 0;; ++looked) {
        TRY(const bool row, rows.step());
        if (!row) return victims;
        const Milliseconds at = rows.time(1);
        const bool young = before && at >= *before;
        if (young && at < now + kClockError) return victims;
        step.more = victims.size() == limits.rows || looked == limits.rows * kLookAt;
        if (step.more) return victims;
        step.next = rows.integer(0) + 1;
        if (young) continue;
        TRY(const bool over, settled(rows));
        if (over) victims.push_back({rows.integer(0), at, std::string(rows.text(2))});
    }
}

void note(PurgeStep& step, const std::vector<Victim>& victims) {
    step.events += victims.size();
    for (const Victim& victim : victims) {
        ++step.types[victim.type];
        step.first_at = std::min(step.first_at.value_or(victim.received_at), victim.received_at);
        step.last_at = std::max(step.last_at.value_or(victim.received_at), victim.received_at);
    }
}

std::vector<std::int64_t> seqs_of(const std::vector<Victim>& victims) {
    std::vector<std::int64_t> seqs;
    for (const Victim& victim : victims) seqs.push_back(victim.seq);
    return seqs;
}

Result<> drop_bucket_if_empty(sqlite::Database& database, std::int64_t bucket) {
    TRY(auto any, database.prepare("SELECT seq FROM event WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT 1"));
    any.bind(1, bucket << kBucketBits).bind(2, (bucket + 1) << kBucketBits);
    TRY(const bool some, any.step());
    if (some) return {};
    any.reset();
    TRY(auto drop, database.prepare("DELETE FROM bucket WHERE bucket = ?"));
    if (auto r = drop.bind(1, bucket).run(); !r) return r;
    TRY(auto slices, database.prepare("DELETE FROM search WHERE slice >= ? AND slice < ?"));
    return slices.bind(1, bucket * SearchIndex::kSlices).bind(2, (bucket + 1) * SearchIndex::kSlices).run();
}

// Also those that were empty before they were complete.
Result<> drop_buckets_before_oldest(sqlite::Database& database) {
    TRY(const auto oldest, database.integer("SELECT seq FROM event ORDER BY seq LIMIT 1"));
    if (!oldest) return {};
    TRY(auto drop, database.prepare("DELETE FROM bucket WHERE bucket < ?"));
    if (auto r = drop.bind(1, *oldest >> kBucketBits).run(); !r) return r;
    TRY(auto slices, database.prepare("DELETE FROM search WHERE slice < ?"));
    return slices.bind(1, (*oldest >> kBucketBits) * SearchIndex::kSlices).run();
}

// From all tables, within a transaction; `seqs` in order.
Result<> erase(sqlite::Database& database, std::span<const std::int64_t> seqs) {
    if (seqs.empty()) return {};
    if (auto r = erase_events(database, seqs); !r) return r.error();
    for (const char* table : {"answer", "attempt", "unsettled", "redelivery"}) {
        TRY(auto remove, database.prepare(std::string("DELETE FROM ") + table + " WHERE seq = ?"));
        for (const std::int64_t seq : seqs)
            if (auto r = remove.bind(1, seq).run(); !r) return r.error();
    }
    if (auto r = raise_meta(database, "next_seq", seqs.back() + 1); !r) return r.error();
    std::set<std::int64_t> buckets;
    for (const std::int64_t seq : seqs) buckets.insert(seq >> kBucketBits);
    for (const std::int64_t bucket : buckets)
        if (auto r = drop_bucket_if_empty(database, bucket); !r) return r.error();
    return drop_buckets_before_oldest(database);
}

// Commands go with the events of their time.
Result<> erase_old_commands(sqlite::Database& database, std::optional<Milliseconds> before) {
    TRY(const auto oldest, database.integer("SELECT received_at FROM event ORDER BY seq LIMIT 1"));
    if (oldest) before = Milliseconds(milliseconds(*oldest));
    if (!before) return {};
    return erase_commands_before(database, *before);
}

// Reports that are to lose their bodies, and where the next step goes on.
Result<std::vector<Victim>> due_reports(sqlite::Database& database, const PurgeLimits& limits,
                                        Milliseconds now, std::int64_t& next, bool& more) {
    std::vector<Victim> victims;
    const auto before = now - limits.report_retention;
    TRY(auto settled, Settled::prepare(database, now));
    TRY(auto rows, database.prepare("SELECT seq, received_at, type, handlers, encoding FROM event WHERE seq "
                                    ">= ? ORDER BY seq"));
    rows.bind(1, next);
    for (std::size_t looked = 0;; ++looked) {
        TRY(const bool row, rows.step());
        if (!row) return victims;
        const Milliseconds at = rows.time(1);
        if (at >= before && at < now + kClockError) return victims;
        more = victims.size() == limits.rows || looked == limits.rows * kLookAt;
        if (more) return victims;
        next = rows.integer(0) + 1;
        const bool erased = static_cast<Encoding>(rows.integer(4)) == Encoding::erased;
        if (at >= before || erased || rows.text(2) != kReport) continue;
        TRY(const bool over, settled(rows));
        if (over) victims.push_back({rows.integer(0), at, std::string(kReport)});
    }
}

Result<> erase_reports(sqlite::Database& database, const PurgeLimits& limits, Milliseconds now,
                       PurgeStep& step) {
    if (limits.report_retention == milliseconds(0)) return {};
    TRY(auto next, meta(database, kReportsDone));
    const std::int64_t began = next;
    TRY(const auto victims, due_reports(database, limits, now, next, step.more));
    if (next == began) return {};
    TRY(step.bodies, erase_bodies(database, seqs_of(victims)));
    return raise_meta(database, kReportsDone, next);
}

Result<PurgeStep> erase_due(sqlite::Database& database, const PurgeLimits& limits, Milliseconds now) {
    PurgeStep step;
    step.next = limits.from;
    std::optional<Milliseconds> before;
    if (limits.retention > milliseconds(0)) before = now - limits.retention;
    TRY(const auto used, used_bytes(database));
    const bool too_large = limits.max_size > 0 && used > limits.max_size;
    if (!before && !too_large) return step;
    TRY(const auto victims, due(database, limits, too_large ? std::nullopt : before, now, step));
    if (auto r = erase(database, seqs_of(victims)); !r) return r.error();
    if (auto r = erase_old_commands(database, before); !r) return r.error();
    note(step, victims);
    return step;
}

// The index has no names in it, but a hash that a known number can be compared with.
Result<> erase_from_index(sqlite::Database& database, std::int64_t bucket,
                          const std::vector<std::uint16_t>& offsets) {
    TRY(auto find, database.prepare("SELECT entries FROM search WHERE slice = ?"));
    TRY(auto replace, database.prepare("UPDATE search SET entries = ? WHERE slice = ?"));
    for (std::int64_t slice = bucket * SearchIndex::kSlices; slice < (bucket + 1) * SearchIndex::kSlices;
         ++slice) {
        TRY(const bool row, find.bind(1, slice).step());
        const std::string kept = row ? SearchIndex::without(find.text(0), offsets) : std::string();
        const bool changed = row && kept.size() != find.text(0).size();
        find.reset();
        if (!changed) continue;
        if (auto r = replace.bind_blob(1, kept).bind(2, slice).run(); !r) return r;
    }
    return {};
}

}  // namespace

void PurgeStep::add(const PurgeStep& other) {
    events += other.events;
    bodies += other.bodies;
    for (const auto& [type, count] : other.types) types[type] += count;
    if (other.first_at) first_at = std::min(first_at.value_or(*other.first_at), *other.first_at);
    if (other.last_at) last_at = std::max(last_at.value_or(*other.last_at), *other.last_at);
    next = other.next;
    more = other.more;
}

Result<std::uint64_t> used_bytes(sqlite::Database& database) {
    TRY(const auto pages, database.integer("PRAGMA page_count"));
    TRY(const auto free, database.integer("PRAGMA freelist_count"));
    TRY(const auto size, database.integer("PRAGMA page_size"));
    return static_cast<std::uint64_t>((pages.value_or(0) - free.value_or(0)) * size.value_or(0));
}

Result<PurgeStep> purge_step(sqlite::Database& database, const PurgeLimits& limits, Milliseconds now) {
    TRY(auto transaction, sqlite::Transaction::begin(database));
    TRY(auto step, erase_due(database, limits, now));
    if (!step.more)
        if (auto r = erase_reports(database, limits, now, step); !r) return r.error();
    if (auto r = database.execute(kShrink); !r) return r.error();
    if (auto r = transaction.commit(); !r) return r.error();
    return step;
}

Result<PurgeStep> purge_preview(sqlite::Database& database, const PurgeLimits& limits, Milliseconds now) {
    PurgeStep all;
    PurgeLimits rest = limits;
    do {
        if (limits.retention == milliseconds(0)) break;
        PurgeStep step;
        TRY(const auto victims, due(database, rest, now - limits.retention, now, step));
        note(step, victims);
        all.add(step);
        rest.from = step.next;
    } while (all.more);
    if (limits.report_retention == milliseconds(0)) return all;
    TRY(auto next, meta(database, kReportsDone));
    next = std::max(next, all.next);  // those before it go as a whole
    bool more = false;
    do {
        more = false;
        TRY(const auto victims, due_reports(database, limits, now, next, more));
        all.bodies += victims.size();
    } while (more);
    return all;
}

Result<PurgeStep> erase_person_step(sqlite::Database& database, std::span<const std::int64_t> seqs) {
    TRY(auto transaction, sqlite::Transaction::begin(database));
    TRY(auto row, database.prepare("SELECT received_at, type FROM event WHERE seq = ?"));
    std::vector<Victim> victims;
    std::map<std::int64_t, std::vector<std::uint16_t>> buckets;
    for (const std::int64_t seq : seqs) {
        TRY(const bool found, row.bind(1, seq).step());
        if (found) victims.push_back({seq, row.time(0), std::string(row.text(1))});
        row.reset();
        const std::int64_t bucket = seq >> kBucketBits;
        buckets[bucket].push_back(static_cast<std::uint16_t>(seq - (bucket << kBucketBits)));
    }
    for (const auto& [bucket, offsets] : buckets)
        if (auto r = erase_from_index(database, bucket, offsets); !r) return r.error();
    if (auto r = erase(database, seqs); !r) return r.error();
    if (auto r = transaction.commit(); !r) return r.error();
    PurgeStep step;
    note(step, victims);
    return step;
}

}  // namespace hookswitch
