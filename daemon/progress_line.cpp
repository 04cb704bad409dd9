#include "daemon/progress_line.hpp"

namespace hookswitch {

void ProgressLine::show(std::string_view what, std::uint64_t count, std::optional<std::uint64_t> of) {
    const auto now = std::chrono::steady_clock::now();
    if (!console_.progress || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    shown_ = true;
    console_.err << "\r\033[K" << what << ' ' << count;
    if (of) console_.err << " of " << *of;
    console_.err << std::flush;
}

void ProgressLine::hide() {
    if (shown_) console_.err << "\r\033[K" << std::flush;
    shown_ = false;
}

}  // namespace hookswitch
