#pragma once

// A file that the operator names, read whole.

#include "daemon/core/result.hpp"

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <string>

namespace hookswitch {

/// The system's code if it cannot be opened or read. Waits for the end of a pipe.
Result<std::string> read_file(const std::filesystem::path& file);

struct FileContent {
    std::string text;
    struct stat status {};
};

/// The same for what a running daemon reads: nothing to wait for, and at most `most` bytes. Fails for a
/// directory and a pipe. No other memory than `text` has held any of it: it may be a secret.
Result<FileContent> read_file(const std::filesystem::path& file, std::size_t most);

}  // namespace hookswitch
