#pragma once

// The statements of the journal's writer, prepared once. Inside of the journal; one thread.

#include "daemon/core/search_index.hpp"
#include "daemon/io/journal_entry.hpp"
#include "daemon/io/sqlite.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace hookswitch {

/// 8192 events in a row, or the part of them that is there so far.
struct Bucket {
    std::int64_t number = 0;
    Milliseconds first_at = Milliseconds::max(), last_at = Milliseconds::min();
    SearchIndex index;

    void add(std::int64_t seq, Milliseconds received_at, std::string_view id, std::string_view call,
             std::string_view caller);
};

class JournalRows {
public:
    /// Opens the file for writing as the journal wants it (WAL, synchronous=FULL, both asserted) and
    /// brings it to this version.
    static Result<JournalRows> open(const JournalSettings& settings);

    sqlite::Database& database() { return database_; }
    std::int64_t page_size() const { return page_size_; }

    /// The seq that the next event gets, and what is missing in the search index.
    Result<std::int64_t> next_seq();
    Result<std::vector<Bucket>> unindexed_buckets();

    Result<bool> has(std::int64_t seq);

    // Within a transaction.
    Result<> insert(std::int64_t first, const Segment& segment);
    Result<> insert(std::int64_t seq, const JournalAnswer& answer);
    Result<> insert(const DeliveryRecord& record);
    Result<> insert(Bucket& bucket);
    Result<std::vector<std::int64_t>> insert(const std::vector<CommandRecord>& commands);
    Result<> insert(const CommandEnd& end);
    Result<> set(std::string_view key, std::int64_t value);

    /// Turns what `events redeliver` asks for into waiting deliveries, in a transaction of its own.
    Result<std::vector<WaitingDelivery>> take_redeliveries(Milliseconds now);

private:
    explicit JournalRows(sqlite::Database database) : database_(std::move(database)) {}
    Result<> prepare();

    sqlite::Database database_;
    std::int64_t page_size_ = 0;
    sqlite::Statement segment_, answer_, attempt_, unsettled_, settled_, bucket_, slice_, meta_;
    sqlite::Statement redelivery_, exists_, command_, command_end_;
};

}  // namespace hookswitch
