#pragma once

// The part of `check` that runs code: a plugin shows whether it is one only when it is loaded.

#include "daemon/config.hpp"

#include <ostream>

namespace hookswitch {

/// Tries out every plugin, in processes of their own, and prints what is wrong with them as mistakes in the
/// configuration. What the plugins themselves write goes to `err`, of those that fail. False: one failed.
bool check_plugins(const Config& config, std::ostream& out, std::ostream& err);

}  // namespace hookswitch
