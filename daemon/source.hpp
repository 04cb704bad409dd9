#pragma once

// Where webhooks come in: one path, with the secrets of its sender.

#include "daemon/core/event.hpp"
#include "daemon/core/metrics.hpp"
#include "daemon/core/signature.hpp"

#include <optional>
#include <string>
#include <vector>

namespace hookswitch {

struct Source {
    std::string name;
    std::string path;  // begins with '/'
    SignaturePolicy signature;
    std::vector<std::string> key_names;  // of signature.keys, for the metrics
    std::optional<Dialect> dialect;      // what an undetermined body is taken for; nullopt: snake

    // Set by Routing.
    SourceMetrics* metrics = nullptr;
    std::vector<Counter*> key_used;  // of signature.keys
};

}  // namespace hookswitch
