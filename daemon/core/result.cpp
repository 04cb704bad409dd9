#include "daemon/core/result.hpp"

#include <boost/system/system_error.hpp>

namespace hookswitch {
namespace {

struct Category final : boost::system::error_category {
    const char* name() const noexcept override { return "hookswitch"; }
    std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
            case Errc::bad_signature: return "bad signature";
            case Errc::malformed_body: return "malformed body";
            case Errc::bad_request: return "bad request";
            case Errc::head_too_large: return "request head too large";
            case Errc::body_too_large: return "body too large";
            case Errc::not_found: return "not found";
            case Errc::method_not_allowed: return "method not allowed";
            case Errc::request_timeout: return "request timeout";
            case Errc::connection_closed: return "connection closed";
            case Errc::deadline_exceeded: return "deadline exceeded";
            case Errc::handler_failed: return "handler failed";
            case Errc::overloaded: return "overloaded";
            case Errc::unavailable: return "unavailable";
            case Errc::in_work: return "in work";
            case Errc::rejected: return "rejected";
            case Errc::invalid_config: return "invalid configuration";
        }
        return "unknown hookswitch error " + std::to_string(value);
    }
};

}  // namespace

const boost::system::error_category& hookswitch_category() noexcept {
    static const Category category;
    return category;
}

void throw_exception_from_error(const Error& e, const boost::source_location&) {
    throw boost::system::system_error(e.code(), e.what());
}

}  // namespace hookswitch
