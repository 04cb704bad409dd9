#include "daemon/io/log_repeats.hpp"

#include <algorithm>
#include <array>

namespace hookswitch::log {
namespace {

// Of more kinds at once than that, all new ones are one.
constexpr std::size_t kMostKinds = 1024;

bool is_reason(std::string_view key) {
    constexpr std::array<std::string_view, 6> kReasons{"handler", "source", "why",
                                                       "what",    "where",  "section"};
    return std::ranges::find(kReasons, key) != kReasons.end();
}

// FNV-1a, without digits: an address, a port or a count does not make another kind of line.
std::uint64_t hash_of(std::uint64_t hash, std::string_view text) {
    constexpr std::uint64_t kPrime = 1099511628211u;
    for (const char c : text)
        if (c < '0' || c > '9') hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
    return (hash ^ 0xFF) * kPrime;
}

std::uint64_t kind_of(std::string_view name, std::span<const Field> fields) {
    std::uint64_t hash = hash_of(14695981039346656037u, name);
    for (const Field& field : fields)
        if (is_reason(field.key)) hash = hash_of(hash_of(hash, field.key), field.value);
    return hash;
}

std::vector<Field> reason_in(std::span<const Field> fields) {
    std::vector<Field> reason;
    for (const Field& field : fields)
        if (is_reason(field.key)) reason.push_back(field);
    return reason;
}

}  // namespace

bool Repeats::pass(Level level, std::string_view name, std::span<const Field> fields, Time now) {
    if (std::ranges::find(fields, "suppressed", &Field::key) != fields.end()) return true;
    const std::uint64_t key = kind_of(name, fields);
    const std::lock_guard lock(mutex_);
    const bool crowded = kinds_.size() >= kMostKinds && !kinds_.contains(key);
    Kind& kind = kinds_[crowded ? 0 : key];
    if (kind.passed == 0) {
        kind.since = now;
        const auto due = (now + kWindow).time_since_epoch().count();
        due_.store(std::min(due_.load(std::memory_order_relaxed), due), std::memory_order_relaxed);
    }
    if (kind.passed < kPassed) return ++kind.passed, true;
    if (kind.held_back++ == 0) kind.last = {level, std::string(name), reason_in(fields)};
    return false;
}

std::vector<Repeats::Summary> Repeats::take_due(Time now) {
    std::vector<Summary> due;
    const std::lock_guard lock(mutex_);
    Time next = Time::max();
    for (auto it = kinds_.begin(); it != kinds_.end();) {
        Kind& kind = it->second;
        const bool over = now == Time::max() || now - kind.since >= kWindow;
        if (over && kind.held_back > 0) {
            kind.last.fields.push_back(kv("suppressed", kind.held_back));
            due.push_back(std::move(kind.last));
        }
        if (!over) next = std::min(next, kind.since + kWindow);
        it = over ? kinds_.erase(it) : std::next(it);
    }
    due_.store(next.time_since_epoch().count(), std::memory_order_relaxed);
    return due;
}

}  // namespace hookswitch::log
