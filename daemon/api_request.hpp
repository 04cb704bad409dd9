#pragma once

// What `hookswitch api` sends: the path, the query and the body, out of what was given.

#include "daemon/cli_api.hpp"
#include "daemon/core/iso_time.hpp"

#include <istream>
#include <string>

namespace hookswitch {

struct ApiRequest {
    std::string path;                                        // encoded, without the query
    std::vector<std::pair<std::string, std::string>> query;  // not encoded
    std::string body;                                        // JSON; empty: none

    std::string target() const;
};

/// Errors say what to do. Errc::invalid_config: something was given that this era does not have.
Result<ApiRequest> api_request(const cli::Api& args, const PlatformOperation& operation, Era era,
                               Milliseconds now, std::istream& in);

}  // namespace hookswitch
