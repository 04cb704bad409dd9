#pragma once

// Where a configuration says that the platform is, for the commands that talk to it. Only [platform] is
// read: the rest may name secrets that nobody but the service can read.

#include "daemon/core/result.hpp"
#include "daemon/io/platform_client.hpp"

#include <filesystem>
#include <optional>

namespace hookswitch {

/// nullopt: there is no such section. The key's file is read only `with_key`. Errc::invalid_config: not
/// TOML, or a mistake in [platform]; otherwise the code of the system.
Result<std::optional<PlatformSettings>> locate_platform(const std::filesystem::path& config, bool with_key);

}  // namespace hookswitch
