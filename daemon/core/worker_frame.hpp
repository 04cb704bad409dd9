#pragma once

// What a worker process writes: one JSON object a line (outer contract, section 4). LineBuffer cuts
// its bytes into lines, parse_worker_frame says what a line means. A worker is trusted to run, not
// to be correct: every line it can write is one of the frames below.

#include "daemon/core/call_command.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hookswitch {

/// Lines out of a byte stream, without copying them and without looking at a byte twice. Read into
/// space(), commit() what came, take every next().
class LineBuffer {
public:
    explicit LineBuffer(std::size_t max_line) : max_line_(max_line) {}

    /// Where to put the next bytes: not empty, and at most kRead long, so that one turn of reading
    /// is bounded. Ends the life of every line returned before.
    std::span<char> space();
    void commit(std::size_t n) { end_ += n; }

    /// The next whole line without its newline, followed by simdjson::SIMDJSON_PADDING readable
    /// bytes. Nothing once a line is longer than `max_line`: where the one after it starts would be
    /// known, but not what the lost one was about.
    std::optional<std::string_view> next();
    bool overflowed() const { return overflowed_; }

    static constexpr std::size_t kRead = std::size_t{16} << 10;  // at worst a thousand lines

private:
    std::size_t max_line_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0, scanned_ = 0, end_ = 0;  // [begin_, scanned_) has no newline
    bool overflowed_ = false;
};

/// Lines for the log: what exceeds `max_line` bytes of a line is dropped, the line is kept.
class CutLines {
public:
    explicit CutLines(std::size_t max_line) : max_line_(max_line) {}

    /// Calls `each(std::string_view)` for every line that `bytes` completes.
    template <class F>
    void feed(std::string_view bytes, F each) {
        for (auto newline = bytes.find('\n'); newline != bytes.npos; newline = bytes.find('\n')) {
            append(bytes.substr(0, newline));
            each(std::string_view(line_));
            line_.clear();
            bytes.remove_prefix(newline + 1);
        }
        append(bytes);
    }

    /// The same for a last line without a newline.
    template <class F>
    void finish(F each) {
        if (!line_.empty()) each(std::string_view(line_));
        line_.clear();
    }

private:
    void append(std::string_view part) { line_.append(part.substr(0, max_line_ - line_.size())); }

    std::size_t max_line_;
    std::string line_;
};

struct Handshake {
    std::int64_t version = 0;
};

struct WorkerAnswer {
    std::string id;
    std::string reply;  // compact JSON object; empty: nothing to say
    CallCommands actions;
};

/// The worker says that it could not decide, or its answer has the wrong shape.
struct WorkerFailure {
    std::string id;
    std::string message;  // for the log
    bool retry = true;    // the same event may succeed later, unless the worker says that it will not
};

/// Commands of work that outlived its reply.
struct WorkerActions {
    std::string call;
    CallCommands actions;
};

struct Garbage {
    std::string why;  // never a part of the line, which may be about a caller
};

using WorkerFrame = std::variant<Garbage, Handshake, WorkerAnswer, WorkerFailure, WorkerActions>;

WorkerFrame parse_worker_frame(std::string_view line);

/// The answer to the only event that was asked about, which may leave out its id: Garbage, WorkerAnswer or
/// WorkerFailure.
WorkerFrame parse_answer(std::string_view text);

/// The same for a line followed by simdjson::SIMDJSON_PADDING readable bytes; saves a copy.
WorkerFrame parse_padded_worker_frame(std::string_view line);

}  // namespace hookswitch
