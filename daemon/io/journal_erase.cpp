// Changing what is stored: appending an event, erasing events or their bodies.

#include "daemon/io/journal_table.hpp"

#include <algorithm>
#include <string>

namespace hookswitch {
namespace {

struct Stored {
    std::int64_t first = 0;
    std::string bytes;
    std::vector<EventRecord> records;  // views into `bytes`

    std::int64_t last() const { return first + records.back().place(); }
};

// The segment that has `seq`, if any has.
Result<std::optional<Stored>> segment_at(sqlite::Statement& find, std::int64_t seq) {
    std::optional<Stored> stored;
    find.bind(1, seq);
    TRY(const bool row, find.step());
    if (row) {
        stored.emplace();
        stored->first = find.integer(0);
        TRY(stored->bytes, decompress(find.text(4), static_cast<Encoding>(find.integer(2)),
                                      static_cast<std::size_t>(find.integer(3))));
        TRY(stored->records, read_segment(stored->bytes, find.integer(1)));
        if (stored->records.empty() || stored->last() < seq) stored.reset();
    }
    find.reset();
    return stored;
}

Result<> write(sqlite::Database& database, std::int64_t first, const Segment& segment) {
    if (segment.count == 0) {
        TRY(auto remove, database.prepare("DELETE FROM segment WHERE first = ?"));
        return remove.bind(1, first).run();
    }
    TRY(auto replace, database.prepare("INSERT OR REPLACE INTO segment VALUES(?,?,?,?,?)"));
    replace.bind(1, first).bind(2, segment.count).bind(3, static_cast<std::int64_t>(segment.encoding));
    return replace.bind(4, static_cast<std::int64_t>(segment.size)).bind_blob(5, segment.data).run();
}

// `change` says what becomes of a record whose seq is in `seqs`: nullopt, nothing is left of it.
template <class Change>
Result<std::size_t> rewrite(sqlite::Database& database, std::span<const std::int64_t> seqs, Change change) {
    TRY(auto find, database.prepare("SELECT first, count, encoding, size, data FROM segment WHERE first <= ? "
                                    "ORDER BY first DESC LIMIT 1"));
    std::size_t changed = 0;
    while (!seqs.empty()) {
        TRY(const auto stored, segment_at(find, seqs.front()));
        if (!stored) {
            seqs = seqs.subspan(1);
            continue;
        }
        SegmentBuilder builder;
        const std::size_t before = changed;
        for (const EventRecord& record : stored->records) {
            const std::int64_t seq = stored->first + record.place();
            const bool meant = std::ranges::binary_search(seqs, seq);
            const std::optional<std::string> becomes =
                meant ? change(record) : std::optional<std::string>(record.bytes());
            if (becomes) builder.add(*becomes, record.place());
            if (meant) ++changed;
        }
        if (changed > before)
            if (auto r = write(database, stored->first, builder.take()); !r) return r.error();
        const auto rest = std::ranges::upper_bound(seqs, stored->last());
        seqs = seqs.subspan(static_cast<std::size_t>(rest - seqs.begin()));
    }
    return changed;
}

}  // namespace

Result<> append_event(sqlite::Database& database, std::int64_t seq, std::string_view record) {
    TRY(const auto last, database.integer("SELECT seq FROM event ORDER BY seq DESC LIMIT 1"));
    if (last && seq <= *last)
        return fail(Errc::invalid_config, "an event can only be added after the last one");
    SegmentBuilder builder;
    builder.add(record, 0);
    return write(database, seq, builder.take());
}

Result<std::size_t> erase_events(sqlite::Database& database, std::span<const std::int64_t> seqs) {
    return rewrite(database, seqs, [](const EventRecord&) { return std::optional<std::string>(); });
}

Result<std::size_t> erase_bodies(sqlite::Database& database, std::span<const std::int64_t> seqs) {
    return rewrite(database, seqs,
                   [](const EventRecord& record) { return std::optional(record.without_body()); });
}

}  // namespace hookswitch
