#pragma once

// How a function in this program says "that did not work".
//
// An Error is a code to branch on and a sentence for the operator. Code is compared; the sentence
// is only ever printed. Each caller that knows something the callee could not (a path, a key, a
// call id) prepends it on the way up, so the printed line reads outermost first:
//
//     load config: /etc/hookswitch/hookswitch.toml:12:9: listen.port: expected integer, found string
//
// Exceptions mean "this operation is over and nobody here can say why": a bug, exhausted memory,
// or Asio unwinding a cancelled coroutine. They are caught in three places only (main, the
// connection loop, the handler call) and nowhere else.

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace hookswitch {

enum class Errc {
    bad_signature = 1,   // the sender could not prove who it is; never say why to the peer
    malformed_body,      // not JSON, or JSON of the wrong shape
    bad_request,         // not HTTP as RFC 9112 wants it, or a shape that proxies read differently
    head_too_large,      // request line and header fields over their limits
    body_too_large,      // over max_body
    not_found,           // no source at this path
    method_not_allowed,  // not POST
    request_timeout,     // the peer was too slow
    connection_closed,   // the peer is gone; nobody to answer
    deadline_exceeded,   // our own deadline, not the peer's
    handler_failed,      // no usable answer came of it
    overloaded,          // shed on purpose; the sender should retry
    unavailable,         // it cannot be made safe now; the sender should retry
    in_work,             // the handler is still at an earlier attempt
    rejected,            // the handler says that another attempt would not help
    invalid_config,
};

const boost::system::error_category& hookswitch_category() noexcept;

inline boost::system::error_code make_error_code(Errc e) noexcept {
    return {static_cast<int>(e), hookswitch_category()};
}

}  // namespace hookswitch

template <>
struct boost::system::is_error_code_enum<hookswitch::Errc> : std::true_type {};

namespace hookswitch {

class Error {
public:
    Error() = default;
    Error(boost::system::error_code code, std::string what) : code_(code), what_(std::move(what)) {}

    boost::system::error_code code() const noexcept { return code_; }

    /// The sentence for the operator, outermost context first. Never contains a secret or a body.
    const std::string& what() const noexcept { return what_; }

    /// Prepends what the caller knows: `return err.in("open journal")`.
    Error in(std::string_view context) && {
        what_.insert(0, std::string(context) + ": ");
        return std::move(*this);
    }

    friend bool operator==(const Error& e, boost::system::error_code code) { return e.code_ == code; }

private:
    boost::system::error_code code_;
    std::string what_;
};

template <class T = void>
using Result = boost::system::result<T, Error>;

/// Builds the failure for an operating-system or library error: "open /x: Permission denied".
inline Error fail(boost::system::error_code code, std::string_view doing) {
    return {code, std::string(doing) + ": " + code.message()};
}

/// Builds the failure for something we decided ourselves.
inline Error fail(Errc code, std::string what) { return {make_error_code(code), std::move(what)}; }

/// Lets main() write `load_config(path).value()`: found by Boost.System through ADL.
[[noreturn]] void throw_exception_from_error(const Error&, const boost::source_location&);

}  // namespace hookswitch

// `TRY(auto doc, parse(body));` declares doc, or returns the error. CO_TRY is the same for
// coroutines. A Result<void> needs no macro: `if (auto r = f(); !r) return r.error();`
#define HOOKSWITCH_CAT2_(a, b) a##b
#define HOOKSWITCH_CAT_(a, b) HOOKSWITCH_CAT2_(a, b)
#define HOOKSWITCH_TRY_(keyword, tmp, decl, ...) \
    auto tmp = (__VA_ARGS__);                    \
    if (!tmp) keyword std::move(tmp).error();    \
    decl = *std::move(tmp)
#define TRY(decl, ...) HOOKSWITCH_TRY_(return, HOOKSWITCH_CAT_(try_, __LINE__), decl, __VA_ARGS__)
#define CO_TRY(decl, ...) HOOKSWITCH_TRY_(co_return, HOOKSWITCH_CAT_(try_, __LINE__), decl, __VA_ARGS__)
