#include "daemon/platform_commands.hpp"

#include "daemon/core/units.hpp"
#include "daemon/io/terminal_line.hpp"
#include "daemon/platform_location.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <memory>

namespace hookswitch {
namespace {

namespace asio = boost::asio;

// nullopt: the configuration does not say, or there is none where it usually is.
Result<std::optional<PlatformSettings>> configured(const cli::PlatformPlace& place, bool with_key) {
    const auto file = place.config.value_or(cli::kUsualConfig);
    auto settings = locate_platform(file, with_key);
    if (settings) return settings;
    const bool missing = settings.error().code() == boost::system::errc::no_such_file_or_directory;
    if (missing && !place.config) return std::optional<PlatformSettings>();
    const std::string hint = ": name another configuration with -c" +
                             std::string(with_key ? ", or the key with --api-key-file" : "");
    return Error(settings.error().code(), "find the platform: " + settings.error().what() + hint);
}

PlatformError cannot_ask(const Error& why) {
    PlatformError error;
    error.message = why.what();
    return error;
}

// Tells a terminal what is waited for, after a second; the line goes when there is something to say.
class Waiting {
public:
    Waiting(asio::io_context& ctx, const Console& console, std::string peer)
        : line_(console.err, console.progress), peer_(std::move(peer)), timer_(ctx, std::chrono::seconds(1)) {
        if (!line_.watched()) return;
        timer_.async_wait([this](const boost::system::error_code& ec) {
            if (!ec) show("waiting for " + peer_);
        });
    }

    void show(const std::string& text) { line_.show(text); }

    void end() {
        timer_.cancel();
        line_.clear();
    }

private:
    TerminalLine line_;
    std::string peer_;
    asio::steady_timer timer_;
};

class Connection {
public:
    Connection(const PlatformSettings& settings, const Console& console)
        : console_(console),
          peer_(settings.base_url.peer()),
          client_(PlatformClient::make(ctx_.get_executor(), settings)) {}

    PlatformResult<PlatformClient::Reply> ask(PlatformClient::Request request) {
        if (!client_) return cannot_ask(client_.error());
        Waiting waiting(ctx_, console_, peer_);
        request.on_retry = [&](const PlatformError& why, std::chrono::milliseconds wait) {
            waiting.show(why.what() + ": trying again in " + duration_text(wait));
        };
        PlatformResult<PlatformClient::Reply> result = PlatformError();
        asio::co_spawn(ctx_, client_->send(std::move(request)),
                       [&](const std::exception_ptr& thrown, PlatformResult<PlatformClient::Reply> reply) {
                           if (thrown) std::rethrow_exception(thrown);  // out of ctx_.run()
                           result = std::move(reply);
                           waiting.end();
                       });
        ctx_.restart();
        ctx_.run();
        return result;
    }

private:
    const Console& console_;
    const std::string peer_;
    asio::io_context ctx_{1};
    Result<PlatformClient> client_;
};

}  // namespace

Result<PlatformSettings> platform_of(const cli::PlatformPlace& place, std::istream& in, bool key_needed) {
    const bool key_given = !place.api_key_file.empty();
    TRY(const auto found, configured(place, key_needed && !key_given));
    PlatformSettings settings = found.value_or(PlatformSettings());
    if (place.base_url) settings.base_url = *place.base_url;
    if (place.era) settings.era = *place.era;
    if (!place.ca_file.empty()) settings.ca_file = place.ca_file;
    if (key_given) {
        auto key = read_secret_text(place.api_key_file, in);
        if (!key) return std::move(key).error().in("read the API key");
        settings.api_key = *std::move(key);
    }
    if (key_needed && settings.api_key.reveal().empty())
        return fail(Errc::invalid_config,
                    "no API key: " + place.config.value_or(cli::kUsualConfig).string() +
                        " has no [platform]: add it, or name the key with --api-key-file");
    return settings;
}

AskPlatform connect_platform(const PlatformSettings& settings, const Console& console) {
    auto connection = std::make_shared<Connection>(settings, console);
    return [connection](PlatformClient::Request request) { return connection->ask(std::move(request)); };
}

PlatformResult<PlatformClient::Reply> ask_platform(const PlatformSettings& settings,
                                                   PlatformClient::Request request, const Console& console) {
    return connect_platform(settings, console)(std::move(request));
}

}  // namespace hookswitch
