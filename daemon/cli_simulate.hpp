#pragma once

// `hookswitch simulate ...` as a value; part of cli.hpp.

#include "daemon/simulator/play_settings.hpp"
#include "daemon/simulator/rest_settings.hpp"

#include <filesystem>
#include <vector>

namespace hookswitch::cli {

struct Simulate {
    simulator::RestSettings rest;  // without its keys
    simulator::PlaySettings play;
    std::vector<std::filesystem::path> api_key_files;
};

}  // namespace hookswitch::cli
