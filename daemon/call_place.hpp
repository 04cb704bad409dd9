#pragma once

// Whom the `hookswitch call` commands ask.

#include "daemon/platform_commands.hpp"

#include <string>
#include <string_view>

namespace hookswitch {

/// The daemon (by its admin listener, whose API has the same shape of errors and authorization as the
/// platform's) or the platform itself.
class CallPlace {
public:
    /// Errors say what to do.
    static Result<CallPlace> find(const cli::CallPlace& place, std::istream& in);

    bool is_daemon() const { return daemon_; }

    /// `path` is the platform's: "/calls/{id}".
    PlatformResult<std::string> ask(std::string_view method, const std::string& path, std::string body,
                                    const Console& console) const;

    /// Why that failed, and what to do about it where that is known.
    std::string explain(const PlatformError& error) const;

private:
    CallPlace(PlatformSettings settings, bool daemon) : settings_(std::move(settings)), daemon_(daemon) {}

    PlatformSettings settings_;
    bool daemon_;
};

}  // namespace hookswitch
