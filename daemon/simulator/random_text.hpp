#pragma once

// Ids as the platform makes them.

#include <cstddef>
#include <random>
#include <string>

namespace hookswitch::simulator {

/// A UUID, version 4 (RFC 9562). The same ones in the same order for the same seed.
std::string random_uuid(std::mt19937_64& random);

/// Small letters and digits.
std::string random_token(std::mt19937_64& random, std::size_t size);

}  // namespace hookswitch::simulator
