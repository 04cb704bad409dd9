#include "daemon/core/units.hpp"

#include <charconv>
#include <cstdint>
#include <limits>
#include <span>

namespace hookswitch {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Largest first, so that the first one that divides a quantity writes it shortest.
constexpr Unit kDurations[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr Unit kSizes[] = {{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"B", 1}};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units, std::uint64_t most) {
    std::uint64_t count = 0;
    const char* end = text.data() + text.size();
    auto [rest, ec] = std::from_chars(text.data(), end, count);
    if (ec != std::errc()) return std::nullopt;
    const std::string_view name(rest, static_cast<std::size_t>(end - rest));
    for (const auto& unit : units) {
        if (unit.name != name) continue;
        if (count > most / unit.factor) return std::nullopt;
        return count * unit.factor;
    }
    return std::nullopt;
}

std::string text_of(std::uint64_t quantity, std::span<const Unit> units, std::string_view zero) {
    if (quantity == 0) return std::string(zero);
    for (const auto& unit : units)
        if (quantity % unit.factor == 0)
            return std::to_string(quantity / unit.factor) + std::string(unit.name);
    return {};  // not reached: the last unit is 1
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    // A hundred years. More is a slip of the hand, and adding it to a clock must not overflow:
    // steady_clock counts nanoseconds in 63 bits, which is 292 years.
    constexpr std::uint64_t kMost = 100ull * 365 * 86'400'000;
    auto count = parse(text, kDurations, kMost);
    if (!count) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(*count));
}

std::optional<std::size_t> parse_size(std::string_view text) {
    return parse(text, kSizes, std::numeric_limits<std::size_t>::max());
}

std::string duration_text(std::chrono::milliseconds duration) {
    return text_of(static_cast<std::uint64_t>(duration.count()), kDurations, "0s");
}

std::string size_text(std::size_t bytes) { return text_of(bytes, kSizes, "0B"); }

}  // namespace hookswitch
