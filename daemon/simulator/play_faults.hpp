#pragma once

// The faults of deliveries as they are written on the command line.

#include "daemon/core/result.hpp"
#include "daemon/simulator/play_settings.hpp"

#include <string_view>

namespace hookswitch::simulator {

/// "duplicate=5%", "reorder=10%", "drop=1%", "wrong-signature=2%", "delay=10%:2s"; without a share: all of
/// them. Errc::invalid_config.
Result<> add_delivery_fault(DeliveryFaults& faults, std::string_view text);

/// Whether `text` names one of these.
bool is_delivery_fault(std::string_view text);

}  // namespace hookswitch::simulator
