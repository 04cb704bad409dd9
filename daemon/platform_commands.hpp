#pragma once

// What the commands that talk to the platform have in common.

#include "daemon/commands.hpp"
#include "daemon/io/platform_client.hpp"

#include <functional>
#include <istream>

namespace hookswitch {

/// What a configuration's [platform] and the options of a command say together. Errors say what to do.
/// `key_needed`: whether having no API key is one.
Result<PlatformSettings> platform_of(const cli::PlatformPlace& place, std::istream& in,
                                     bool key_needed = true);

using AskPlatform = std::function<PlatformResult<PlatformClient::Reply>(PlatformClient::Request)>;

/// Sends a request and waits for what comes of it, retries included, which it tells a terminal; the next one
/// goes over the same connection. `console` must outlive it.
AskPlatform connect_platform(const PlatformSettings& settings, const Console& console);

/// For who has only one.
PlatformResult<PlatformClient::Reply> ask_platform(const PlatformSettings& settings,
                                                   PlatformClient::Request request, const Console& console);

}  // namespace hookswitch
