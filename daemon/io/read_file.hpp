#pragma once

// A file that the operator names, read whole.

#include "daemon/core/result.hpp"

#include <filesystem>
#include <string>

namespace hookswitch {

/// The system's code if it cannot be opened or read. Waits for the end of a pipe.
Result<std::string> read_file(const std::filesystem::path& file);

}  // namespace hookswitch
