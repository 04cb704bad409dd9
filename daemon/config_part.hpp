#pragma once

// One part of a configuration file, for the commands that need no more: the rest may name secrets that
// nobody but the service can read. Includes toml++, which is heavy.

#include "daemon/config_table.hpp"

#include <filesystem>
#include <functional>
#include <string_view>

namespace hookswitch {

/// Calls `read` with the table `section`, if there is one. Errc::invalid_config with all mistakes: not
/// TOML, or what `read` noted; otherwise the code of the system.
Result<> read_config_part(const std::filesystem::path& config, std::string_view section,
                          const std::function<void(Table)>& read);

}  // namespace hookswitch
