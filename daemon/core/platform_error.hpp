#pragma once

// Why the platform did not do what we asked. Its documents know eight shapes of an error; they all
// become this one.
//
// Source: Flireo protocol reference, 6.2 (variants A to H, order of extraction), 6.3 and 6.4 (Retry-After).

#include <boost/system/result.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

struct PlatformError {
    int status = 0;                    // HTTP; 0: no answer came, `message` says why
    std::string code;                  // `error.code`; empty: none was given
    std::string message;               // never empty
    std::vector<std::string> details;  // what is wrong with each part, e.g. of a workflow
    std::string extra;  // other members (balance, retry_after, param), a JSON object; empty: none
    std::optional<std::chrono::milliseconds> retry_after;  // of the header field; not capped
    bool maybe_done = false;                               // no answer came, but the request may have arrived
    bool expired = false;  // it was not sent in time, or no longer worth sending: nothing happened

    /// "HTTP 402: Insufficient credits: Your account has no credits remaining. (balance 0)", for people.
    std::string what() const;
};

/// Nothing was sent: it was too late, or not to be sent.
PlatformError never_sent(std::string why);

/// What the body of an answer other than 2xx says; `reason` is that of the status line. Any body will
/// do: what is not JSON (a proxy's page) leaves the reason phrase. Never fails.
PlatformError read_platform_error(int status, std::string_view reason, std::string_view body);

/// Retry-After: seconds (also fractional; negative is 0) or an HTTP date; nullopt: cannot be read.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text,
                                                           std::chrono::system_clock::time_point now);

template <class T>
using PlatformResult = boost::system::result<T, PlatformError>;

[[noreturn]] void throw_exception_from_error(const PlatformError&, const boost::source_location&);

}  // namespace hookswitch
