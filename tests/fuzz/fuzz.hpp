#pragma once

// What the fuzz targets share. An input's first byte says how the rest is cut into pieces, so that
// the fuzzer chooses the pieces and a seed stays readable.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace hookswitch::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Ends the process as a crash if a promise is broken.
inline void require(bool kept, std::string_view promise) {
    if (kept) return;
    std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()), promise.data());
    std::abort();
}

/// Calls `each(piece)` for the consecutive pieces of `text`. `how` 0: one byte each; 255: all at once.
template <class F>
void in_pieces(std::string_view text, std::uint8_t how, F each) {
    std::uint32_t state = how;
    while (!text.empty()) {
        state = state * 1'664'525 + 1'013'904'223;  // Numerical Recipes' generator: repeatable is enough
        std::size_t size = how == 0 ? 1 : 1 + (state >> 16) % (how * 4U);
        size = how == 255 ? text.size() : std::min(size, text.size());
        each(text.substr(0, size));
        text.remove_prefix(size);
    }
}

}  // namespace hookswitch::fuzz
