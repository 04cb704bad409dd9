// Whether handlers can do their work: each worker and plugin is started once, with its handshake, and ended;
// programs are looked for, services are connected to. No event is given to any.

#include "daemon/core/lines.hpp"
#include "daemon/core/metrics.hpp"
#include "daemon/doctor.hpp"
#include "daemon/io/http_client.hpp"
#include "daemon/io/log.hpp"
#include "daemon/start_handler.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <spdlog/fmt/fmt.h>

#include <unistd.h>

#include <cstdlib>
#include <mutex>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// What is logged while handlers start, to tell why one does not.
class Heard {
public:
    Heard() {
        log::capture([this](std::string_view line) {
            const std::lock_guard lock(mutex_);
            lines_.emplace_back(line);
        });
    }
    ~Heard() { log::stop(); }

    // The last few of one handler.
    std::string of(const std::string& handler) {
        constexpr std::size_t kMost = 4;
        const std::lock_guard lock(mutex_);
        std::vector<std::string> its;
        for (const std::string& line : lines_)
            if (line.find(" handler=" + handler + " ") != std::string::npos) its.push_back(line);
        std::string text;
        for (std::size_t i = its.size() - std::min(its.size(), kMost); i < its.size(); ++i)
            text += "; " + its[i];
        return text;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

// The program as posix_spawnp would find it; empty: it would not.
std::string found(const std::string& program, const std::filesystem::path& directory) {
    if (program.find('/') != std::string::npos) {
        const auto path = directory / program;
        return ::access(path.c_str(), X_OK) == 0 ? path.string() : "";
    }
    const char* path = std::getenv("PATH");
    std::string_view rest = path ? path : "/bin:/usr/bin";
    while (!rest.empty()) {
        const auto part = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(rest.size(), part.size() + 1));
        const auto file = std::filesystem::path(part) / program;
        if (::access(file.c_str(), X_OK) == 0) return file.string();
    }
    return "";
}

struct HandlerCheck {
    const HandlerConfig& handler;
    const Unit& service;
    bool start;
    Heard& heard;
    Findings& findings;

    std::string named(std::string_view what) const { return fmt::format("{}: {}", handler.name, what); }

    void operator()(const std::shared_ptr<Handler>&) const { findings.ok(named("needs nothing")); }

    void operator()(const ExecSettings& settings) const {
        const std::string& program = settings.command.front();
        const std::string path = found(program, settings.directory);
        if (path.empty())
            findings.fail(named(program + " is not there, or no program"),
                          "install it, or chmod +x; it is looked for through PATH");
        else
            findings.ok(named(path + " is there; it is started for events only"));
    }

    void operator()(const HttpUpstreamSettings& settings) const {
        asio::io_context context{1};
        HttpClient::Settings client;
        client.ca_file = settings.ca_file;
        client.timeout = client.connect_timeout.emplace(settings.connect_timeout);
        client.use_proxy = false;
        auto upstream = HttpClient::make(context.get_executor(), settings.url, client);
        if (!upstream) return findings.fail(named(upstream.error().what()), "mend it");
        Result<> connected;
        auto done = [&](const std::exception_ptr& thrown, Result<> result) {
            if (thrown) std::rethrow_exception(thrown);
            connected = std::move(result);
        };
        asio::co_spawn(context, upstream->connect(), done);
        context.run();
        if (connected)
            findings.ok(named("connects to " + settings.url.peer()));
        else
            findings.fail(named(connected.error().what()),
                          "start the service, or look at `url` and `ca_file`");
    }

    // As the service's user, if we are root and there is one: it is the service's code.
    void operator()(WorkerSettings settings) const {
        const auto user = service.user();
        if (!start) return findings.skip(named("not started: --no-start"));
        if (::geteuid() == 0 && service.known() && !user)
            return findings.skip(named("not started: the service's user does not exist while it is stopped"));
        if (::geteuid() == 0 && user) {
            const std::string uid = std::to_string(user->uid), gid = std::to_string(user->gid);
            settings.command.insert(settings.command.begin(),
                                    {"setpriv", "--reuid=" + uid, "--regid=" + gid, "--clear-groups",
                                     "--inh-caps=-all", "--no-new-privs", "--"});
        }
        HandlerConfig config = handler;
        config.handler = std::move(settings);
        start_once(config, 30s);
    }

    void operator()(const PluginSettings&) const {
        if (!start) return findings.skip(named("not started: --no-start"));
        start_once(handler, 15s);
    }

    void start_once(const HandlerConfig& config, std::chrono::seconds limit) const {
        asio::io_context context{1};
        Metrics metrics;
        const auto began = Clock::now();
        std::optional<bool> ready;
        Clock::time_point ready_at;
        const auto running =
            start_handler(config, context.get_executor(), metrics.handler(config.name), nullptr);
        running->when_ready([&](bool good) {
            ready = good;
            ready_at = Clock::now();
            running->stop(Clock::now() + 1s, [] {});
        });
        context.run_for(limit);
        if (ready.value_or(false))
            return findings.ok(
                named(fmt::format("starts, {:.0f} ms to its handshake",
                                  std::chrono::duration<double, std::milli>(ready_at - began).count())));
        const std::string why = heard.of(config.name);
        findings.fail(
            named((ready ? "does not start" : fmt::format("not ready in {} s", limit.count())) + why),
            "mend it; `hookswitch serve` logs all that it writes");
    }
};

}  // namespace

void check_handlers(const Config& config, const Unit& service, bool start, Findings& findings) {
    if (config.handlers.empty())
        return findings.warn("there are none: every event gets the built-in answer",
                             "add a [[handler]] and routes");
    // What a worker keeps, it keeps there.
    if (service.known() && !service.get("StateDirectory").empty())
        ::setenv("STATE_DIRECTORY", ("/var/lib/" + service.get("StateDirectory")).c_str(), 0);
    Heard heard;
    for (const HandlerConfig& handler : config.handlers)
        std::visit(HandlerCheck{handler, service, start, heard, findings}, handler.handler);
}

}  // namespace hookswitch
