#pragma once

// Where a configuration keeps its journal, for the commands that look into it. Only [journal] is read:
// the rest may name secrets that nobody but the service can read.

#include "daemon/core/result.hpp"
#include "daemon/io/journal.hpp"

#include <filesystem>

namespace hookswitch {

/// Errc::invalid_config: not TOML, a mistake in [journal], or no journal is kept.
Result<JournalSettings> locate_journal(const std::filesystem::path& config);

}  // namespace hookswitch
