#pragma once

// What the local platform says when it does not do as asked. The platform's documents know several
// shapes of an error; which one is said can be chosen.
//
// Source: Flireo protocol reference, 6.2 and section 12 (which shape by default).

#include "daemon/core/era.hpp"

#include <boost/system/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::simulator {

/// The letters of protocol 6.2; `documented` chooses by status and era, as section 12 suggests.
enum class ErrorShape { documented, a, b, c, d, e, f };

std::optional<ErrorShape> error_shape_named(std::string_view name);  // "documented", "A" to "F"

struct RestError {
    RestError() = default;  // not an aggregate, or a RestResult<int> could not tell 400 from an error

    int status = 400;
    std::string code, message;
    std::string param;                          // the member that is wrong; empty: none
    std::string title;                          // `error` of shapes C to F; empty: what the status is called
    std::vector<std::string> details;           // shape E
    std::string extra;                          // members of shape F, JSON: "\"balance\":0"; empty: none
    ErrorShape shape = ErrorShape::documented;  // the shape of its own that this one is documented with
};

template <class T = void>
using RestResult = boost::system::result<T, RestError>;

[[noreturn]] void throw_exception_from_error(const RestError&, const boost::source_location&);

/// The body.
std::string text_of(const RestError& error, ErrorShape shape, Era era);

RestError missing(std::string_view param);                                 // 400
RestError invalid(std::string_view param, std::string_view what_it_must);  // 400: "`param` `what_it_must`"
RestError not_found(std::string_view what);                                // 404: "`what` not found"
RestError conflict(std::string_view message);                              // 409

}  // namespace hookswitch::simulator
