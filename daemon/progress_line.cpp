#include "daemon/progress_line.hpp"

#include <string>

namespace hookswitch {

void ProgressLine::show(std::string_view what, std::uint64_t count, std::optional<std::uint64_t> of) {
    const auto now = std::chrono::steady_clock::now();
    if (!line_.watched() || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    std::string text = std::string(what) + ' ' + std::to_string(count);
    if (of) text += " of " + std::to_string(*of);
    line_.show(text);
}

}  // namespace hookswitch
