#pragma once

// How an error of ours is told to a stranger: never why, beyond what they can see themselves. The
// outer contract, section 2.

#include "daemon/core/result.hpp"

#include <string_view>

namespace hookswitch {

struct Refusal {
    Errc code;
    int status;
    std::string_view name, message;
    bool close;  // the connection, because what follows on it cannot be told apart
};

/// What `error` looks like from outside; an unlisted one is a bad request.
const Refusal& refusal_for(const Error& error);

}  // namespace hookswitch
