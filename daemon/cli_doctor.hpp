#pragma once

// `hookswitch doctor` as a value; part of cli.hpp.

#include "daemon/core/url.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace hookswitch::cli {

struct Doctor {
    std::filesystem::path config;
    std::optional<Url> url;           // where the platform posts to, for a probe through the proxy
    std::filesystem::path ca_file;    // authorities for it, instead of the system's
    std::string unit = "hookswitch";  // systemd's name of the service
    bool no_start = false;            // leave out what starts the handlers' programs
    bool json = false;
};

}  // namespace hookswitch::cli
