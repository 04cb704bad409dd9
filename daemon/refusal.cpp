#include "daemon/refusal.hpp"

#include <array>

namespace hookswitch {
namespace {

constexpr std::array kRefusals{
    Refusal{Errc::bad_request, 400, "bad_request", "The request is not valid HTTP.", true},
    Refusal{Errc::malformed_body, 400, "malformed_body", "The body is not an event.", false},
    Refusal{Errc::bad_signature, 401, "unauthorized", "The request is not authenticated.", false},
    Refusal{Errc::not_found, 404, "not_found", "Nothing is received at this path.", true},
    Refusal{Errc::method_not_allowed, 405, "method_not_allowed", "Only POST is allowed.", true},
    Refusal{Errc::request_timeout, 408, "request_timeout", "The request took too long to arrive.", true},
    Refusal{Errc::body_too_large, 413, "body_too_large", "The body is too large.", true},
    Refusal{Errc::head_too_large, 431, "head_too_large", "The request head is too large.", true},
    Refusal{Errc::unavailable, 503, "unavailable", "The event cannot be stored now; try again.", false},
    Refusal{Errc::overloaded, 503, "overloaded", "Too much to do; try again.", false},
};

}  // namespace

const Refusal& refusal_for(const Error& error) {
    for (const Refusal& refusal : kRefusals)
        if (error == refusal.code) return refusal;
    return kRefusals.front();
}

}  // namespace hookswitch
