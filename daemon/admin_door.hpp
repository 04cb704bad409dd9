#pragma once

// Who may ask the admin listener for what. Pure.

#include "daemon/admin_settings.hpp"

#include <string>
#include <string_view>

namespace hookswitch {

/// What a request says about itself. Empty: not said.
struct AdminRequest {
    std::string method, path, query;
    std::string host, origin, authorization;
    std::string body;
};

enum class AdminRefusal { none, unauthorized, wrong_host, foreign_origin };

/// Whether `request` comes from somebody who may make it. `open_path`: health, which needs no token.
AdminRefusal refusal_of(const AdminSettings& settings, const AdminRequest& request, bool open_path);

}  // namespace hookswitch
