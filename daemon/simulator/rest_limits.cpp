#include "daemon/simulator/rest_limits.hpp"

namespace hookswitch::simulator {
namespace {

constexpr auto kWindow = std::chrono::minutes(1);
constexpr std::size_t kManyWindows = 10'000;  // then those that are over are let go

}  // namespace

std::optional<WindowKind> window_kind_named(std::string_view name) {
    if (name == "fixed") return WindowKind::fixed;
    if (name == "sliding") return WindowKind::sliding;
    if (name == "off") return WindowKind::off;
    return std::nullopt;
}

// A fixed window begins with its first request; a sliding one looks back from every request.
bool RateLimits::is_over(const Window& window, Milliseconds now) const {
    return window.taken.empty() || now - window.taken.front() >= kWindow;
}

RateLimit RateLimits::state_of(const Window& window, Milliseconds now) const {
    RateLimit state;
    state.limit = limit_;
    state.remaining = limit_ - static_cast<std::int64_t>(window.taken.size());
    const auto begin = window.taken.empty() ? now : window.taken.front();
    state.reset = std::chrono::ceil<std::chrono::seconds>(begin + kWindow);
    return state;
}

RateLimit RateLimits::look(std::string_view name, Milliseconds now) const {
    const auto found = windows_.find(std::string(name));
    if (found == windows_.end() || is_over(found->second, now)) return state_of({}, now);
    return state_of(found->second, now);
}

RateLimit RateLimits::take(std::string_view name, Milliseconds now) {
    if (kind_ == WindowKind::off) return state_of({}, now);
    if (windows_.size() > kManyWindows && now - forgot_ >= kWindow) forget_old(now);
    Window& window = windows_[std::string(name)];
    if (kind_ == WindowKind::fixed && is_over(window, now)) window.taken.clear();
    while (kind_ == WindowKind::sliding && !window.taken.empty() && is_over(window, now))
        window.taken.pop_front();
    const bool exceeded = static_cast<std::int64_t>(window.taken.size()) >= limit_;
    if (!exceeded) window.taken.push_back(now);
    RateLimit state = state_of(window, now);
    state.exceeded = exceeded;
    return state;
}

void RateLimits::forget_old(Milliseconds now) {
    forgot_ = now;
    std::erase_if(windows_, [&](const auto& named) {
        return named.second.taken.empty() || now - named.second.taken.back() >= kWindow;
    });
}

}  // namespace hookswitch::simulator
