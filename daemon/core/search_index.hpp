#pragma once

// Finding events by call, caller or id among millions, without an index that costs a page of writing
// for each event. Events come in buckets of 8192 in the order of their sequence numbers; a complete
// bucket is sorted by hash and cut into 64 slices by the top bits, each a few hundred entries. A
// look-up reads one slice of each bucket. A hash that is met only says where to look: the row decides.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

enum class SearchKey : std::uint64_t { id = 1, call = 2, caller = 3 };

std::uint64_t search_hash(SearchKey key, std::string_view text);

class SearchIndex {
public:
    static constexpr int kSliceBits = 6;
    static constexpr int kSlices = 1 << kSliceBits;

    /// `offset` is the event's place within its bucket.
    void add(std::uint64_t hash, std::uint16_t offset) { entries_.push_back({hash, offset}); }

    /// The slices of what was added, in order, encoded.
    std::vector<std::string> slices();

    static int slice_of(std::uint64_t hash) { return static_cast<int>(hash >> (64 - kSliceBits)); }

    /// The offsets in an encoded slice that have this hash.
    static std::vector<std::uint16_t> find(std::string_view slice, std::uint64_t hash);

    /// The slice without the entries of these offsets.
    static std::string without(std::string_view slice, const std::vector<std::uint16_t>& offsets);

private:
    struct Entry {
        std::uint64_t hash;
        std::uint16_t offset;
        auto operator<=>(const Entry&) const = default;
    };
    std::vector<Entry> entries_;
};

}  // namespace hookswitch
