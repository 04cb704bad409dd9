#pragma once

// `hookswitch serve`: the daemon from its start to its drained end.

#include <filesystem>

namespace hookswitch {

/// Returns the exit status: 0 after a drained stop, 1 for a start-up error, which is told on
/// standard error.
int serve(const std::filesystem::path& config);

}  // namespace hookswitch
