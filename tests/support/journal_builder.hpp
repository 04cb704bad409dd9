#pragma once

// A journal made by hand: what the daemon would have written, without a daemon.

#include "daemon/core/iso_time.hpp"
#include "daemon/core/search_index.hpp"
#include "daemon/io/journal_entry.hpp"
#include "daemon/io/journal_schema.hpp"
#include "daemon/io/sqlite.hpp"

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hookswitch::test {

inline Milliseconds at(const std::string& time) { return parse_iso_time(time).value(); }

inline std::string id_of(std::int64_t seq) {
    std::string digits = std::to_string(seq);
    return "01JH5Z0M6T" + std::string(16 - digits.size(), '0') + digits;
}

class JournalBuilder {
public:
    struct Given {
        std::string type = "status-update", call = "c1", status = "", caller = "", called = "";
        std::optional<std::string> handlers = "";  // nullopt: waited-for
        std::string body = "{}";
        Milliseconds received_at{};  // not given: a second after the one before
        std::string source = "main", dialect = "camel";
        std::string head = "POST /webhook HTTP/1.1\r\nHost: example.org\r\nX-Webhook-Event: x\r\n\r\n";
    };

    explicit JournalBuilder(const std::filesystem::path& file)
        : file_(file),
          database_(sqlite::Database::open(file, sqlite::Database::Mode::read_write_create).value()) {
        sql("PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
            "PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=0");
        prepare_journal(database_).value();
    }

    /// The file, with everything in it that was added so far.
    const std::filesystem::path& file() {
        flush();
        return file_;
    }
    sqlite::Database& database() { return database_; }

    void sql(const std::string& text) {
        const auto done = database_.execute(text);
        ASSERT_TRUE(done) << done.error().what() << ": " << text;
    }

    std::int64_t add(Given event) {
        const std::int64_t seq = next_++;
        if (event.received_at == Milliseconds{}) event.received_at = last_at_ + std::chrono::seconds(1);
        last_at_ = event.received_at;
        const std::string id = id_of(seq);
        const std::string record =
            make_record({id, event.received_at, event.type, event.dialect, event.source, event.call,
                         event.status, event.caller, event.called,
                         event.handlers ? std::optional<std::string_view>(*event.handlers) : std::nullopt,
                         "0123456789abcdef", event.head, event.body});
        if (!segment_.room_for(record)) flush();
        if (segment_.empty()) first_ = seq;
        segment_.add(record, static_cast<std::uint16_t>(seq - first_));
        index(seq, event.received_at, id, event.call, event.caller);
        return seq;
    }

    /// The next event gets this number.
    void skip_to(std::int64_t seq) {
        flush();
        next_ = seq;
    }

    void answer(std::int64_t seq, const std::string& time, const std::string& body,
                const std::string& parts) {
        auto row = database_.prepare("INSERT INTO answer VALUES(?,?,200,?,?)").value();
        row.bind(1, seq).bind(2, ms(at(time))).bind(3, body).bind(4, parts).run().value();
    }

    void attempt(std::int64_t seq, const std::string& handler, int number, const std::string& time,
                 const std::string& outcome, const std::string& why = "", const std::string& next_at = "") {
        auto row = database_.prepare("INSERT INTO attempt VALUES(?,?,?,?,12.34,?,?,?)").value();
        row.bind(1, seq).bind(2, handler).bind(3, std::int64_t{number}).bind(4, ms(at(time)));
        row.bind(5, outcome);
        why.empty() ? row.bind_null(6) : row.bind(6, why);
        next_at.empty() ? row.bind_null(7) : row.bind(7, ms(at(next_at)));
        row.run().value();
        auto state = database_.prepare("INSERT OR REPLACE INTO unsettled VALUES(?,?,?,?,?)").value();
        if (outcome == "delivered") {
            state = database_.prepare("DELETE FROM unsettled WHERE seq=? AND handler=?").value();
            state.bind(1, seq).bind(2, handler).run().value();
            return;
        }
        const std::string_view name = outcome == "dead" ? "dead" : "waiting";
        state.bind(1, seq).bind(2, handler).bind(3, name);
        state.bind(4, std::int64_t{number});
        next_at.empty() ? state.bind_null(5) : state.bind(5, ms(at(next_at)));
        state.run().value();
    }

    std::int64_t number(const std::string& query) {
        flush();
        return database_.integer(query).value().value_or(-1);
    }

private:
    static std::int64_t ms(Milliseconds time) { return time.time_since_epoch().count(); }

    void flush() {
        if (segment_.empty()) return;
        const Segment segment = segment_.take();
        auto row = database_.prepare("INSERT INTO segment VALUES(?,?,?,?,?)").value();
        row.bind(1, first_).bind(2, segment.count).bind(3, static_cast<std::int64_t>(segment.encoding));
        row.bind(4, static_cast<std::int64_t>(segment.size)).bind_blob(5, segment.data).run().value();
    }

    // A bucket goes into the index when the next one begins.
    void index(std::int64_t seq, Milliseconds time, const std::string& id, const std::string& call,
               const std::string& caller) {
        const std::int64_t bucket = seq >> kBucketBits;
        if (bucket != bucket_) finish_bucket();
        bucket_ = bucket;
        first_at_ = std::min(first_at_, time);
        bucket_last_at_ = std::max(bucket_last_at_, time);
        const auto offset = static_cast<std::uint16_t>(seq & ((1 << kBucketBits) - 1));
        index_.add(search_hash(SearchKey::id, id), offset);
        if (!call.empty()) index_.add(search_hash(SearchKey::call, call), offset);
        if (!caller.empty()) index_.add(search_hash(SearchKey::caller, caller), offset);
    }

    void finish_bucket() {
        std::int64_t slice = bucket_ * SearchIndex::kSlices;
        for (const std::string& entries : index_.slices()) {
            if (first_at_ == Milliseconds::max()) continue;
            auto row = database_.prepare("INSERT INTO search VALUES(?,?)").value();
            row.bind(1, slice++).bind_blob(2, entries).run().value();
        }
        if (first_at_ != Milliseconds::max())
            sql("INSERT INTO bucket VALUES(" + std::to_string(bucket_) + "," + std::to_string(ms(first_at_)) +
                "," + std::to_string(ms(bucket_last_at_)) + ")");
        first_at_ = Milliseconds::max();
        bucket_last_at_ = Milliseconds::min();
    }

    std::filesystem::path file_;
    sqlite::Database database_;
    SegmentBuilder segment_;
    SearchIndex index_;
    Milliseconds last_at_ = at("2026-01-09T14:00:00Z");
    Milliseconds first_at_ = Milliseconds::max(), bucket_last_at_ = Milliseconds::min();
    std::int64_t first_ = 1, next_ = 1, bucket_ = 0;
};

}  // namespace hookswitch::test
