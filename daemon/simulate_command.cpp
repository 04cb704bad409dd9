// `hookswitch simulate`: puts the REST side and the telephone side of the local platform together.

#include "daemon/commands.hpp"
#include "daemon/io/listen.hpp"
#include "daemon/io/wall_clock.hpp"
#include "daemon/simulator/call_log.hpp"
#include "daemon/simulator/play.hpp"
#include "daemon/simulator/rest_api.hpp"
#include "daemon/simulator/rest_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <memory>
#include <optional>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using simulator::Play;
using simulator::RestApi;
using simulator::RestServer;

class Simulation {
public:
    Simulation(const cli::Simulate& args, const Console& console)
        : args_(args), console_(console), signals_(home_, SIGTERM, SIGINT) {}

    int run() {
        if (auto r = start(); !r) return complain(console_, "simulate: " + r.error().what());
        signals_.async_wait([this](const boost::system::error_code& ec, int) {
            if (ec) return;
            if ((interrupted_ = is_playing())) play_->stop("interrupted");
            stop();
        });
        play_->start([this] {
            status_ = play_->conclude();
            if (!args_.play.stay) stop();
        });
        while (!stopping_ && home_.run_one() > 0) {
        }
        home_.poll();  // what was closed gets to know it
        if (!interrupted_) return status_.value_or(0);
        play_->conclude();
        complain(console_, "simulate: interrupted");
        return kInterrupted;
    }

private:
    Result<> start();
    Result<> read_keys(simulator::RestSettings& settings);
    Result<> serve(simulator::RestSettings settings);
    void introduce() const;

    bool is_playing() const { return !args_.play.scenarios.empty() && !status_; }

    void stop() {
        stopping_ = true;
        signals_.cancel();
        if (server_) server_->stop();
    }

    // In the order in which they need each other: calls refer to the API's numbers until they are gone.
    const cli::Simulate& args_;
    const Console& console_;
    asio::io_context home_{1};
    simulator::CallLog log_;
    std::unique_ptr<RestApi> api_;
    std::unique_ptr<Play> play_;
    std::optional<RestServer> server_;
    asio::signal_set signals_;
    bool stopping_ = false, interrupted_ = false;
    std::optional<int> status_;  // of the play, once it is over
};

Result<> Simulation::read_keys(simulator::RestSettings& settings) {
    for (const auto& file : args_.api_key_files) {
        auto key = read_secret_text(file, console_.in);
        if (!key) return std::move(key).error().in("read the API key");
        settings.keys.push_back(*std::move(key));
    }
    return {};
}

Result<> Simulation::start() {
    simulator::RestSettings settings = args_.rest;
    if (auto r = read_keys(settings); !r) return r;
    TRY(auto scenarios, simulator::load_scenarios(args_.play));
    std::optional<SigningKey> key;
    if (!args_.play.secret_file.empty()) {
        TRY(key, read_secret(args_.play.secret_file, console_.in));
    }
    Play::Parts parts{log_,         std::move(key), std::move(scenarios),
                      console_.out, console_.err,   console_.progress};
    TRY(play_, Play::make(home_.get_executor(), args_.play, std::move(parts)));
    if (settings.listen.empty()) return {};
    return serve(std::move(settings));
}

Result<> Simulation::serve(simulator::RestSettings settings) {
    api_ = std::make_unique<RestApi>(std::move(settings), log_, wall_now());
    api_->connect(play_->switchboard());
    play_->use(*api_);
    TRY(auto server, RestServer::start(home_, *api_));
    server_.emplace(std::move(server));
    introduce();
    return {};
}

// The last line is what scripts wait for.
void Simulation::introduce() const {
    console_.err << "hookswitch: simulate: the " << name_of(api_->settings().era) << " era's REST API, at "
                 << api_->settings().base_path << '\n';
    for (const auto& line : api_->lines()) {
        console_.err << "hookswitch: simulate: number " << line.number << " (" << line.id << ")";
        if (line.assistant)
            console_.err << ", assistant " << line.assistant->name << " (" << line.assistant->id << ")";
        console_.err << '\n';
    }
    console_.err << "hookswitch: simulate: listening on " << server_->url() << std::endl;
}

}  // namespace

int run(const cli::Simulate& args, const Console& console) {
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    return Simulation(args, console).run();
}

}  // namespace hookswitch
