#pragma once

// `hookswitch api RESOURCE VERB ...` as a value; part of cli.hpp.

#include "daemon/cli_platform.hpp"
#include "daemon/core/platform_operations.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hookswitch::cli {

/// A member of the body as it was given. A text of an option is JSON already.
struct ApiMember {
    enum class From { json, file, null };

    const PlatformField* field = nullptr;  // null: one that the table does not have, by --set or --null
    std::string name;                      // as it was given, for messages and where there is no field
    From from = From::json;
    std::string value;      // JSON, or a path
    bool by_option = true;  // not by --set or --null, which may name what an era does not have
};

struct Api {
    PlatformPlace place;
    std::string resource, verb;
    std::vector<std::string> ids;
    std::optional<std::filesystem::path> data;
    std::vector<ApiMember> members;  // each replaces one of `data`
    std::vector<std::pair<const PlatformField*, std::string>> query;
    bool all = false;                // every page
    bool json = false, raw = false;  // else a table
    bool wide = false;               // of which nothing is cut
};

}  // namespace hookswitch::cli
