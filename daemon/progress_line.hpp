#pragma once

// How far a command is, for work that takes long.

#include "daemon/commands.hpp"
#include "daemon/io/terminal_line.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hookswitch {

/// A count on standard error; only if somebody watches, and not in the first second.
class ProgressLine {
public:
    explicit ProgressLine(const Console& console) : line_(console.err, console.progress) {}

    /// "calls 3000 of 52310"
    void show(std::string_view what, std::uint64_t count, std::optional<std::uint64_t> of = {});

    /// Makes room for other output.
    void hide() { line_.clear(); }

private:
    TerminalLine line_;
    std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
};

}  // namespace hookswitch
