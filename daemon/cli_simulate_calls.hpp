#pragma once

// The options of `hookswitch simulate` that are about calls.

#include "daemon/simulator/play_settings.hpp"

namespace CLI {
class App;
}

namespace hookswitch::cli {

/// `settings` must outlive the parsing. Faults are read by simulator::add_delivery_fault.
void add_play_options(CLI::App* command, simulator::PlaySettings& settings);

}  // namespace hookswitch::cli
