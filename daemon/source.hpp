#pragma once

// Where webhooks come in: one path, with the secrets of its sender.

#include "daemon/core/event.hpp"
#include "daemon/core/metrics.hpp"
#include "daemon/core/signature.hpp"

#include <optional>
#include <string>

namespace hookswitch {

struct Source {
    std::string name;
    std::string path;  // begins with '/'
    SignaturePolicy signature;
    std::optional<Dialect> dialect;    // what an undetermined body is taken for; nullopt: snake
    SourceMetrics* metrics = nullptr;  // set by Routing
};

}  // namespace hookswitch
