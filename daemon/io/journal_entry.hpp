#pragma once

// Events as they are stored: one record each, many records in a segment, a segment in a row. Writing
// a row costs SQLite some microseconds and each of a transaction's pages some more, so the events of a
// commit share a row; and neighbours have so much in common that together they shrink to a fifth.
// Inside of the journal.

#include "daemon/io/journal.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// How bytes are stored.
enum class Encoding : std::uint8_t { plain = 0, zstd = 1, erased = 2 };

/// `text` compressed if that pays; says which in `encoding`.
std::string compress(std::string_view text, Encoding& encoding);

/// What was compressed. Errc::malformed_body if the bytes are damaged.
Result<std::string> decompress(std::string_view stored, Encoding encoding, std::size_t size);

/// One event. Borrows the bytes of its record.
class EventRecord {
public:
    enum Field {
        id,
        type,
        dialect,
        source,
        call,
        status,
        caller,
        called,
        handlers,
        dedupe,
        head,
        body,
        kFields
    };

    /// The record at the beginning of `bytes`; nullopt: cut off or damaged.
    static std::optional<EventRecord> read(std::string_view bytes);

    std::string_view operator[](Field field) const;
    std::string_view bytes() const { return bytes_; }
    bool waited_for() const { return head_.waited_for != 0; }
    Milliseconds received_at() const { return Milliseconds(std::chrono::milliseconds(head_.received_at)); }
    std::size_t body_size() const { return head_.body_size; }  // as received
    Encoding body_encoding() const { return static_cast<Encoding>(head_.body_encoding); }

    std::uint16_t place() const { return head_.place; }

    /// The same without its body, which is then Encoding::erased.
    std::string without_body() const;

private:
    friend class SegmentBuilder;
    friend std::string make_record(const JournalEntry& entry);

    // Little-endian in memory and on disk, as are all machines that this runs on.
    struct Head {
        std::int64_t received_at = 0;
        std::uint32_t body_size = 0;
        std::uint8_t waited_for = 0, body_encoding = 0;
        std::uint16_t place = 0;           // in its segment: `seq` less that of the first
        std::uint32_t ends[kFields] = {};  // of each field, counted from the end of this head
    };
    static_assert(sizeof(Head) == 64);

    Head head_;
    std::string_view bytes_;
};

/// Made on the thread that received the event, a large body compressed, so that the journal's thread
/// has nothing to do but gather and write.
std::string make_record(const JournalEntry& entry);

/// Records in a row.
struct Segment {
    Encoding encoding = Encoding::plain;
    std::size_t size = 0;  // of the records
    std::int64_t count = 0;
    std::string data;
};

class SegmentBuilder {
public:
    /// Beyond this, finding one event would take long.
    static constexpr std::size_t kFull = std::size_t{64} << 10;

    bool empty() const { return count_ == 0; }

    /// A large record is best in a segment of its own: it is compressed already.
    bool room_for(std::string_view record) const;

    void add(std::string_view record, std::uint16_t place);
    Segment take();

private:
    std::string records_;
    std::int64_t count_ = 0;
};

/// The records of a stored segment; views into `bytes`, which the caller keeps.
Result<std::vector<EventRecord>> read_segment(std::string_view bytes, std::int64_t count);

}  // namespace hookswitch
