#include "daemon/core/search_index.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace hookswitch {
namespace {

// Little-endian, as all machines that this runs on are: hash, offset.
constexpr std::size_t kEntry = sizeof(std::uint64_t) + sizeof(std::uint16_t);

std::uint64_t hash_at(std::string_view slice, std::size_t index) {
    std::uint64_t hash = 0;
    std::memcpy(&hash, slice.data() + index * kEntry, sizeof hash);
    return hash;
}

std::uint16_t offset_at(std::string_view slice, std::size_t index) {
    std::uint16_t offset = 0;
    std::memcpy(&offset, slice.data() + index * kEntry + sizeof(std::uint64_t), sizeof offset);
    return offset;
}

}  // namespace

std::uint64_t search_hash(SearchKey key, std::string_view text) {
    return XXH3_64bits_withSeed(text.data(), text.size(), static_cast<std::uint64_t>(key));
}

std::vector<std::string> SearchIndex::slices() {
    std::ranges::sort(entries_);
    std::vector<std::string> slices(kSlices);
    for (const Entry& entry : entries_) {
        std::string& slice = slices[static_cast<std::size_t>(slice_of(entry.hash))];
        slice.append(reinterpret_cast<const char*>(&entry.hash), sizeof entry.hash);
        slice.append(reinterpret_cast<const char*>(&entry.offset), sizeof entry.offset);
    }
    return slices;
}

std::vector<std::uint16_t> SearchIndex::find(std::string_view slice, std::uint64_t hash) {
    std::size_t low = 0, high = slice.size() / kEntry;
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (hash_at(slice, middle) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    std::vector<std::uint16_t> offsets;
    for (; low < slice.size() / kEntry && hash_at(slice, low) == hash; ++low)
        offsets.push_back(offset_at(slice, low));
    return offsets;
}

std::string SearchIndex::without(std::string_view slice, const std::vector<std::uint16_t>& offsets) {
    std::string kept;
    for (std::size_t i = 0; i < slice.size() / kEntry; ++i)
        if (std::ranges::find(offsets, offset_at(slice, i)) == offsets.end())
            kept.append(slice.substr(i * kEntry, kEntry));
    return kept;
}

}  // namespace hookswitch
