#pragma once

// The last line of a terminal, written over and over, for work that takes long.

#include <ostream>
#include <string_view>

namespace hookswitch {

/// Says nothing unless somebody watches. One thread; `out` outlives it.
class TerminalLine {
public:
    TerminalLine(std::ostream& out, bool watched) : out_(out), watched_(watched) {}
    TerminalLine(const TerminalLine&) = delete;
    TerminalLine& operator=(const TerminalLine&) = delete;
    ~TerminalLine() { clear(); }

    /// In place of what it showed before.
    void show(std::string_view text) {
        if (!watched_) return;
        out_ << kErase << text << std::flush;
        shown_ = true;
    }

    /// Makes room for other output.
    void clear() {
        if (shown_) out_ << kErase << std::flush;
        shown_ = false;
    }

    bool watched() const { return watched_; }

private:
    static constexpr std::string_view kErase = "\r\033[K";  // ECMA-48: carriage return, erase in line

    std::ostream& out_;
    const bool watched_;
    bool shown_ = false;
};

}  // namespace hookswitch
