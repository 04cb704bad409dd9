#include "daemon/core/glob.hpp"

#include <cstddef>

namespace hookswitch {

bool glob_match(std::string_view pattern, std::string_view text) noexcept {
    // Where to go on after a mismatch: behind the last `*`, which then takes one byte more. An
    // earlier `*` never needs to be revisited: what it could take, the last one can take as well.
    std::size_t after_star = std::string_view::npos;
    std::size_t taken_to = 0;
    std::size_t p = 0;
    std::size_t t = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            after_star = ++p;
            taken_to = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (after_star != std::string_view::npos) {
            p = after_star;
            t = ++taken_to;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace hookswitch
