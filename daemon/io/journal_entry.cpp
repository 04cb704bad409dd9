#include "daemon/io/journal_entry.hpp"

#include <zstd.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace hookswitch {
namespace {

// Smaller bodies wait for their neighbours; see SegmentBuilder.
constexpr std::size_t kCompressBody = 4096;
constexpr std::size_t kCompressSegment = 512;

// Level 1: reports shrink to a tenth at 2 GB/s; higher levels gain little and take much longer.
constexpr int kLevel = 1;

struct FreeContext {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

ZSTD_CCtx* context() {
    thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> own(ZSTD_createCCtx());
    if (!own) throw std::bad_alloc();
    return own.get();
}

Error damaged() { return fail(Errc::malformed_body, "what the journal has stored is damaged"); }

}  // namespace

std::string compress(std::string_view text, Encoding& encoding) {
    // As a rule far too much, and kept: what is resized without need costs a pass over the memory.
    thread_local std::string room;
    if (room.size() < ZSTD_compressBound(text.size())) room.resize(ZSTD_compressBound(text.size()));
    const std::size_t size =
        ZSTD_compressCCtx(context(), room.data(), room.size(), text.data(), text.size(), kLevel);
    const bool pays = !ZSTD_isError(size) && size < text.size();
    encoding = pays ? Encoding::zstd : Encoding::plain;
    std::string stored(pays ? std::string_view(room).substr(0, size) : text);
    if (room.size() > (std::size_t{1} << 20)) std::string().swap(room);  // `= {}` would keep it
    return stored;
}

Result<std::string> decompress(std::string_view stored, Encoding encoding, std::size_t size) {
    if (encoding != Encoding::zstd) return std::string(stored);
    constexpr std::size_t kMost = std::size_t{1} << 30;  // a damaged file must not take all memory
    if (size > kMost) return damaged();
    std::string text(size, '\0');
    const std::size_t got = ZSTD_decompress(text.data(), text.size(), stored.data(), stored.size());
    if (ZSTD_isError(got) || got != size) return damaged();
    return text;
}

std::string make_record(const JournalEntry& entry) {
    const std::array<std::string_view, EventRecord::body> fields{
        entry.id,     entry.type,   entry.dialect,
        entry.source, entry.call,   entry.status,
        entry.caller, entry.called, entry.handlers.value_or(""),
        entry.dedupe, entry.head};
    EventRecord::Head head;
    head.received_at = entry.received_at.time_since_epoch().count();
    head.body_size = static_cast<std::uint32_t>(entry.body.size());
    head.waited_for = entry.handlers ? 0 : 1;

    std::string compressed;
    std::string_view body = entry.body;
    if (body.size() >= kCompressBody) {
        Encoding encoding{};
        compressed = compress(body, encoding);
        body = compressed;
        head.body_encoding = static_cast<std::uint8_t>(encoding);
    }
    std::uint32_t end = 0;
    for (std::size_t i = 0; i < fields.size(); ++i)
        head.ends[i] = end += static_cast<std::uint32_t>(fields[i].size());
    head.ends[EventRecord::body] = end + static_cast<std::uint32_t>(body.size());

    std::string record;
    record.reserve(sizeof head + end + body.size());
    record.append(reinterpret_cast<const char*>(&head), sizeof head);
    for (const auto field : fields) record += field;
    record += body;
    return record;
}

std::optional<EventRecord> EventRecord::read(std::string_view bytes) {
    EventRecord record;
    if (bytes.size() < sizeof(Head)) return std::nullopt;
    std::memcpy(&record.head_, bytes.data(), sizeof(Head));
    std::uint32_t before = 0;
    for (const std::uint32_t end : record.head_.ends)
        if (end < std::exchange(before, end)) return std::nullopt;
    if (before > bytes.size() - sizeof(Head)) return std::nullopt;
    record.bytes_ = bytes.substr(0, sizeof(Head) + before);
    return record;
}

std::string_view EventRecord::operator[](Field field) const {
    const std::uint32_t begin = field == id ? 0 : head_.ends[field - 1];
    return bytes_.substr(sizeof(Head) + begin, head_.ends[field] - begin);
}

std::string EventRecord::without_body() const {
    Head changed = head_;
    changed.body_encoding = static_cast<std::uint8_t>(Encoding::erased);
    changed.ends[body] = changed.ends[head];
    std::string record(reinterpret_cast<const char*>(&changed), sizeof changed);
    return record.append(bytes_.substr(sizeof changed, changed.ends[body]));
}

void SegmentBuilder::add(std::string_view record, std::uint16_t place) {
    const std::size_t at = records_.size() + offsetof(EventRecord::Head, place);
    records_ += record;
    std::memcpy(records_.data() + at, &place, sizeof place);
    ++count_;
}

bool SegmentBuilder::room_for(std::string_view record) const {
    return empty() || (records_.size() < kFull && record.size() < kCompressBody);
}

Segment SegmentBuilder::take() {
    Segment segment{Encoding::plain, records_.size(), std::exchange(count_, 0), {}};
    // One large record is compressed already, as far as it can be.
    const bool large = segment.count == 1 && segment.size >= kCompressBody;
    if (large)
        segment.data = std::exchange(records_, std::string());
    else if (segment.size < kCompressSegment)
        segment.data = records_;
    else
        segment.data = compress(records_, segment.encoding);
    records_.clear();
    return segment;
}

Result<std::vector<EventRecord>> read_segment(std::string_view bytes, std::int64_t count) {
    std::vector<EventRecord> records;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto record = EventRecord::read(bytes);
        if (!record) return damaged();
        records.push_back(*record);
        bytes.remove_prefix(record->bytes().size());
    }
    return records;
}

}  // namespace hookswitch
