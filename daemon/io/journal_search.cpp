#include "daemon/io/journal_search.hpp"

#include "daemon/core/json.hpp"
#include "daemon/core/lines.hpp"
#include "daemon/core/search_index.hpp"
#include "daemon/io/journal_entry.hpp"
#include "daemon/io/journal_schema.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace hookswitch {
namespace {

constexpr std::string_view kColumns =
    "seq, id, received_at, type, dialect, source, call, status, caller, called, handlers, size";
constexpr std::string_view kAllColumns = ", head, encoding, body";

struct Key {
    SearchKey kind;
    std::string_view text;
};

// What few events have in common is looked up first.
std::optional<Key> key_of(const EventFilter& filter) {
    if (filter.id) return Key{SearchKey::id, *filter.id};
    if (filter.call) return Key{SearchKey::call, *filter.call};
    if (filter.caller) return Key{SearchKey::caller, *filter.caller};
    return std::nullopt;
}

bool has_line(std::string_view lines, std::string_view wanted) {
    bool found = false;
    for_each_line(lines, [&](std::string_view line) { found = found || line == wanted; });
    return found;
}

bool answered_by(const std::optional<StoredAnswer>& answer, std::string_view handler) {
    if (!answer) return false;
    const auto parts = Document::parse(answer->parts);
    simdjson::dom::array array;
    if (!parts || parts->root().get(array)) return false;
    for (const auto part : array) {
        std::string_view name;
        if (!part["handler"].get(name) && name == handler) return true;
    }
    return false;
}

class Search {
public:
    Search(JournalReader::State& state, const EventFilter& filter, bool whole)
        : state_(state), database_(state.database), filter_(filter), whole_(whole) {}

    Result<std::vector<StoredEvent>> run();

private:
    struct Piece {
        std::int64_t first, last;            // seqs
        std::optional<std::int64_t> bucket;  // nullopt: not in the index
    };
    Result<> prepare();
    Result<std::vector<Piece>> pieces();
    Result<bool> search(const Piece& piece);
    Result<bool> scan(std::int64_t first, std::int64_t last);
    Result<bool> look_up(const Key& key, std::int64_t bucket);
    Result<bool> look_at(const std::vector<std::int64_t>& seqs);
    Result<std::optional<std::vector<std::int64_t>>> candidates();
    bool matches(const sqlite::Statement& row) const;
    Result<bool> add(const sqlite::Statement& row);
    bool full() const { return found_.size() >= filter_.limit; }

    JournalReader::State& state_;
    sqlite::Database& database_;
    const EventFilter& filter_;
    const bool whole_;
    sqlite::Statement range_, one_, slice_;
    std::vector<StoredEvent> found_;
};

Result<> Search::prepare() {
    const std::string select =
        "SELECT " + std::string(kColumns) + (whole_ ? std::string(kAllColumns) : "") + " FROM event WHERE ";
    TRY(range_, database_.prepare(select + "seq >= ? AND seq <= ? ORDER BY seq" +
                                  (filter_.oldest_first ? "" : " DESC")));
    TRY(one_, database_.prepare(select + "seq = ?"));
    TRY(slice_, database_.prepare("SELECT entries FROM search WHERE slice = ?"));
    return {};
}

bool Search::matches(const sqlite::Statement& row) const {
    const auto is = [&](const std::optional<std::string>& wanted, int column) {
        return !wanted || row.text(column) == *wanted;
    };
    const Milliseconds at = row.time(2);
    if (row.integer(0) <= filter_.after) return false;
    if ((filter_.since && at < *filter_.since) || (filter_.until && at >= *filter_.until)) return false;
    // A handler of a waited-for event is in its answer.
    if (filter_.handler && !row.is_null(10) && !has_line(row.text(10), *filter_.handler)) return false;
    return is(filter_.id, 1) && is(filter_.type, 3) && is(filter_.source, 5) && is(filter_.call, 6) &&
           is(filter_.caller, 8);
}

// False: there are enough.
Result<bool> Search::add(const sqlite::Statement& row) {
    if (!matches(row)) return true;
    StoredEvent event;
    event.seq = row.integer(0);
    event.waited_for = row.is_null(10);
    if (auto r = state_.complete(event, row.text(10), whole_); !r) return r.error();
    if (filter_.state && event.state != *filter_.state) return true;
    if (filter_.handler && event.waited_for && !answered_by(event.answer, *filter_.handler)) return true;

    event.id = row.text(1);
    event.received_at = row.time(2);
    event.type = row.text(3);
    event.dialect = row.text(4);
    event.source = row.text(5);
    event.call = row.optional_text(6);
    event.status = row.optional_text(7);
    event.caller = row.optional_text(8);
    event.called = row.optional_text(9);
    event.size = static_cast<std::size_t>(row.integer(11));
    if (whole_) {
        event.head = row.text(12);
        const auto encoding = static_cast<Encoding>(row.integer(13));
        if (encoding != Encoding::erased) {
            TRY(event.body, decompress(row.text(14), encoding, event.size));
        }
    }
    found_.push_back(std::move(event));
    return !full();
}

Result<bool> Search::scan(std::int64_t first, std::int64_t last) {
    range_.bind(1, std::max(first, filter_.after + 1)).bind(2, last);
    bool more = true;
    while (more) {
        TRY(const bool row, range_.step());
        if (!row) break;
        TRY(more, add(range_));
    }
    range_.reset();
    return more;
}

Result<bool> Search::look_at(const std::vector<std::int64_t>& seqs) {
    bool more = true;
    for (std::size_t i = 0; more && i < seqs.size(); ++i) {
        one_.bind(1, filter_.oldest_first ? seqs[i] : seqs[seqs.size() - 1 - i]);
        TRY(const bool row, one_.step());
        if (row) {
            TRY(more, add(one_));
        }
        one_.reset();
    }
    return more;
}

Result<bool> Search::look_up(const Key& key, std::int64_t bucket) {
    const std::uint64_t hash = search_hash(key.kind, key.text);
    slice_.bind(1, bucket * SearchIndex::kSlices + SearchIndex::slice_of(hash));
    TRY(const bool row, slice_.step());
    std::vector<std::int64_t> seqs;
    if (row)
        for (const std::uint16_t offset : SearchIndex::find(slice_.text(0), hash))
            seqs.push_back((bucket << kBucketBits) + offset);
    slice_.reset();
    return look_at(seqs);
}

Result<bool> Search::search(const Piece& piece) {
    const auto key = key_of(filter_);
    if (key && piece.bucket) return look_up(*key, *piece.bucket);
    return scan(piece.first, piece.last);
}

// In the order in which they are wanted. A bucket that is all too old or too new is left out.
Result<std::vector<Search::Piece>> Search::pieces() {
    constexpr auto kEver = std::numeric_limits<std::int64_t>::max();
    TRY(auto buckets, database_.prepare("SELECT bucket FROM bucket WHERE bucket >= ? AND last_at >= ? AND "
                                        "first_at < ? ORDER BY bucket"));
    buckets.bind(1, filter_.after >> kBucketBits);
    buckets.bind(2, filter_.since ? filter_.since->time_since_epoch().count() : 0);
    buckets.bind(3, filter_.until ? filter_.until->time_since_epoch().count() : kEver);
    std::vector<Piece> pieces;
    for (;;) {
        TRY(const bool row, buckets.step());
        if (!row) break;
        const std::int64_t bucket = buckets.integer(0), first = bucket << kBucketBits;
        pieces.push_back({first, first + (std::int64_t{1} << kBucketBits) - 1, bucket});
    }
    TRY(const auto last, database_.integer("SELECT max(bucket) FROM bucket"));
    pieces.push_back({last ? (*last + 1) << kBucketBits : 0, kEver, {}});
    if (!filter_.oldest_first) std::ranges::reverse(pieces);
    return pieces;
}

// Deliveries in trouble have a table of their own; nullopt: it does not help here.
Result<std::optional<std::vector<std::int64_t>>> Search::candidates() {
    std::optional<std::vector<std::int64_t>> seqs;
    if (key_of(filter_) || (filter_.state != "dead" && filter_.state != "waiting")) return seqs;
    TRY(auto rows, database_.prepare("SELECT DISTINCT seq FROM unsettled WHERE seq > ? AND state = ? "
                                     "ORDER BY seq"));
    rows.bind(1, filter_.after).bind(2, *filter_.state);
    seqs.emplace();
    for (;;) {
        TRY(const bool row, rows.step());
        if (!row) return seqs;
        seqs->push_back(rows.integer(0));
    }
}

Result<std::vector<StoredEvent>> Search::run() {
    if (filter_.limit == 0) return std::move(found_);
    if (auto r = prepare(); !r) return r.error();
    TRY(const auto unsettled, candidates());
    if (unsettled) {
        TRY(const bool more, look_at(*unsettled));
        (void)more;
        return std::move(found_);
    }
    TRY(const auto all, pieces());
    for (const Piece& piece : all) {
        // All before it is delivered, or failed at least once.
        if (filter_.state == "pending" && piece.last < state_.delivered_before) continue;
        TRY(const bool more, search(piece));
        if (!more) break;
    }
    return std::move(found_);
}

}  // namespace

Result<std::vector<StoredEvent>> search_events(JournalReader::State& state, const EventFilter& filter,
                                               bool whole) {
    return Search(state, filter, whole).run();
}

}  // namespace hookswitch
