#pragma once

// What the operator sets for the admin listener.

#include "daemon/core/signature.hpp"

#include <string>

namespace hookswitch {

struct AdminSettings {
    std::string listen = "127.0.0.1:8081";  // as one of ServerSettings::listen, but not "systemd"
    Secret token;                           // empty: none is asked for
};

/// Whether nobody from another machine can connect to it: a Unix socket or a loopback address.
bool is_local(const AdminSettings& settings);

}  // namespace hookswitch
