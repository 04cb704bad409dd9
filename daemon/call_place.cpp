#include "daemon/call_place.hpp"

#include "daemon/admin_location.hpp"

namespace hookswitch {
namespace {

// A command waits for its turn in the daemon for at most 30 s.
constexpr std::chrono::milliseconds kDaemonTimeout{40'000};

// nullopt: there is none in the configuration, so the platform is asked itself.
Result<std::optional<AdminPlace>> configured_daemon(const cli::CallPlace& place) {
    const auto file = place.platform.config.value_or(cli::kUsualConfig);
    auto found = locate_admin(file, !place.admin && place.token_file.empty());
    if (found) return found;
    const bool missing = found.error().code() == boost::system::errc::no_such_file_or_directory;
    if (missing && !place.platform.config) return std::optional<AdminPlace>();
    return Error(found.error().code(), "find the daemon: " + found.error().what() +
                                           ": name it with --admin and --token-file, or ask the platform "
                                           "yourself with --direct");
}

Result<std::optional<AdminPlace>> daemon_of(const cli::CallPlace& place, std::istream& in) {
    std::optional<AdminPlace> daemon;
    if (place.admin)
        daemon = AdminPlace{*place.admin, {}};
    else {
        TRY(daemon, configured_daemon(place));
    }
    if (!daemon || place.token_file.empty()) return daemon;
    auto token = read_secret_text(place.token_file, in);
    if (!token) return std::move(token).error().in("read the token");
    daemon->token = *std::move(token);
    return daemon;
}

}  // namespace

Result<CallPlace> CallPlace::find(const cli::CallPlace& place, std::istream& in) {
    if (!place.direct) {
        TRY(auto daemon, daemon_of(place, in));
        if (daemon) {
            PlatformSettings settings;
            settings.base_url = std::move(daemon->url);
            settings.api_key = std::move(daemon->token);
            settings.ca_file = place.platform.ca_file;
            settings.plain_anywhere = true;
            settings.timeout = kDaemonTimeout;
            settings.retries = 0;
            return CallPlace(std::move(settings), true);
        }
    }
    TRY(auto settings, platform_of(place.platform, in));
    return CallPlace(std::move(settings), false);
}

PlatformResult<std::string> CallPlace::ask(std::string_view method, const std::string& path, std::string body,
                                           const Console& console) const {
    PlatformClient::Request request;
    request.method = method;
    request.path = (daemon_ ? "/v1" : "") + path;
    request.body = std::move(body);
    auto reply = ask_platform(settings_, std::move(request), console);
    if (!reply) return reply.error();
    return std::move(reply->body);
}

std::string CallPlace::explain(const PlatformError& error) const {
    if (!daemon_ || error.status != 0) {
        if (daemon_ && error.code == "platform_error") return error.message;  // whole, as the daemon got it
        if (daemon_ && error.status == 401) return error.what() + ": name its token with --token-file";
        return error.what();
    }
    if (error.maybe_done) return "the daemon: " + error.what();
    return "the daemon does not answer: " + error.what() +
           ": start it, or ask the platform yourself with --direct";
}

}  // namespace hookswitch
