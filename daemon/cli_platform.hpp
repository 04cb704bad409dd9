#pragma once

// Where the platform is, for the commands that talk to it; part of cli.hpp.

#include "daemon/core/era.hpp"
#include "daemon/core/url.hpp"

#include <filesystem>
#include <optional>

namespace hookswitch::cli {

/// The configuration that is used if none is named.
inline constexpr const char* kUsualConfig = "/etc/hookswitch/hookswitch.toml";

/// What [platform] of a configuration says, less what the other options say instead.
struct PlatformPlace {
    std::optional<std::filesystem::path> config;  // nullopt: the usual file, which may be missing
    std::optional<Url> base_url;
    std::filesystem::path api_key_file;  // "-": standard input; empty: as configured
    std::optional<Era> era;
    std::filesystem::path ca_file;  // empty: as configured
};

}  // namespace hookswitch::cli
