#include "daemon/core/rate_budget.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

// A slot leaves the window when its last moment has: a bit late rather than early.
constexpr std::chrono::seconds kSlot{1};

}  // namespace

void RateBudget::forget(Time now) {
    while (!slots_.empty() && slots_.front().begin + kSlot + kWindow <= now) {
        sent_ -= slots_.front().count;
        slots_.pop_front();
    }
}

RateBudget::Time RateBudget::next(Time now, std::int64_t kept_back) {
    forget(now);
    Time when = now;
    if (server_reset_ > now && server_remaining_ <= 0) when = server_reset_;
    std::int64_t over = sent_ - (limit_ - kept_back) + 1;  // so many must leave the window first
    for (auto slot = slots_.begin(); over > 0 && slot != slots_.end(); ++slot) {
        over -= slot->count;
        when = std::max(when, slot->begin + kSlot + kWindow);
    }
    return when;
}

void RateBudget::sent(Time now) {
    if (slots_.empty() || slots_.back().begin + kSlot <= now) slots_.push_back({now, 0});
    ++slots_.back().count;
    ++sent_;
    --server_remaining_;
}

void RateBudget::seen(std::int64_t limit, std::int64_t remaining, Time reset, std::int64_t in_flight) {
    if (limit > 0) limit_ = limit;
    remaining = std::max(remaining, std::int64_t{0}) - in_flight;
    // Answers overtake one another: within a window the least counts, until nothing is in flight and
    // the platform has counted all.
    const bool same_window = server_reset_ != Time::min() && reset < server_reset_ + kSlot;
    server_remaining_ = same_window && in_flight > 0 ? std::min(server_remaining_, remaining) : remaining;
    server_reset_ = std::max(server_reset_, reset);
}

void RateBudget::exhausted(Time until) {
    server_remaining_ = 0;
    server_reset_ = std::max(server_reset_, until);
}

bool RateBudget::at_rest(Time now) {
    forget(now);
    return slots_.empty() && server_reset_ <= now;
}

}  // namespace hookswitch
