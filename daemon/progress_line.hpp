#pragma once

// How far a command is, for work that takes long.

#include "daemon/commands.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hookswitch {

/// One line on standard error, written over and over; only if somebody watches, and not in the first second.
class ProgressLine {
public:
    explicit ProgressLine(const Console& console) : console_(console) {}
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    ~ProgressLine() { hide(); }

    /// "calls 3000 of 52310"
    void show(std::string_view what, std::uint64_t count, std::optional<std::uint64_t> of = {});

    /// Makes room for other output.
    void hide();

private:
    const Console& console_;
    std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    bool shown_ = false;
};

}  // namespace hookswitch
