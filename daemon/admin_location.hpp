#pragma once

// Where the admin listener of a running daemon is, for the commands that ask it. Only [admin] of the
// configuration is read.

#include "daemon/core/result.hpp"
#include "daemon/core/signature.hpp"
#include "daemon/core/url.hpp"

#include <filesystem>
#include <optional>

namespace hookswitch {

struct AdminPlace {
    Url url;
    Secret token;  // empty: none is asked for
};

/// nullopt: there is no such section. The token's file is read only `with_token`. Errc::invalid_config: not
/// TOML, a mistake in [admin], or a port that the kernel chose; otherwise the code of the system.
Result<std::optional<AdminPlace>> locate_admin(const std::filesystem::path& config, bool with_token);

}  // namespace hookswitch
