#pragma once

// Reads recordings one delivery at a time, however large they are.
//
// A file is JSON Lines of recorded deliveries or of bare bodies, or one bare body laid out over many
// lines. Empty lines are skipped.

#include "daemon/core/recording.hpp"
#include "daemon/core/result.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hookswitch {

struct Recorded {
    std::string place;     // "calls.jsonl:17"
    std::size_t file = 0;  // which of the recordings, from 0
    RecordedDelivery delivery;
};

class RecordingReader {
public:
    /// Checks that every file can be opened, so that a misspelt name is found before anything is
    /// sent. "-" is `in`, which must outlive the reader.
    static Result<RecordingReader> open(std::vector<std::filesystem::path> files, std::istream& in);

    /// The next delivery; nullopt after the last. After an error, "FILE:LINE: why", read no further.
    Result<std::optional<Recorded>> next();

private:
    RecordingReader(std::vector<std::filesystem::path> files, std::istream& in)
        : files_(std::move(files)), in_(&in) {}

    bool next_file();
    Error at(std::size_t line, const Error& error) const;
    Result<RecordedDelivery> read(const std::string& line);
    Result<RecordedDelivery> read_as_one_body(std::string text);

    std::vector<std::filesystem::path> files_;
    std::istream* in_;
    std::size_t next_ = 0;  // index in files_
    // Of the file that is being read:
    std::unique_ptr<std::ifstream> opened_;
    std::istream* current_ = nullptr;
    std::string name_;
    std::size_t line_ = 0;  // the last one read
    bool first_ = false;    // nothing has come of it yet
};

}  // namespace hookswitch
