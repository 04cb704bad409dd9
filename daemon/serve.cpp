#include "daemon/serve.hpp"

#include "daemon/io/confinement.hpp"
#include "daemon/io/listen.hpp"
#include "daemon/io/log.hpp"
#include "daemon/io/systemd.hpp"
#include "daemon/runtime.hpp"
#include "handlers/plugin.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <malloc.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;

int fail_to_start(std::string_view what, const Error& why) {
    std::fprintf(stderr, "hookswitch: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
                 why.what().c_str());
    return 1;
}

// Signals and the watchdog, for as long as the daemon runs.
class Supervision {
public:
    Supervision(std::shared_ptr<Runtime> runtime, std::filesystem::path config)
        : runtime_(std::move(runtime)),
          config_(std::move(config)),
          signals_(runtime_->server().home(), SIGTERM, SIGINT, SIGHUP),
          watchdog_(runtime_->server().home()) {
        await_signal();
        if (systemd::watchdog_interval()) feed_watchdog();
    }

private:
    void await_signal() {
        signals_.async_wait([this](const boost::system::error_code& ec, int signal) {
            if (ec) return;
            signal == SIGHUP ? reload() : stop();
            await_signal();
        });
    }

    void reload() {
        if (runtime_->stopping()) return;
        systemd::notify_reloading();
        runtime_->reload(config_, [] { systemd::notify("READY=1"); });
    }

    // The second time is for an operator who will not wait.
    void stop() {
        systemd::notify("STOPPING=1");
        runtime_->stop([this] {
            ended_ = true;
            signals_.cancel();
            watchdog_.cancel();
        });
    }

    // Fed only after every shard has answered, so that one that hangs is noticed.
    void feed_watchdog() {
        watchdog_.expires_after(*systemd::watchdog_interval());
        watchdog_.async_wait([this](const boost::system::error_code& ec) {
            if (ec) return;
            runtime_->server().ping([this] {
                systemd::notify("WATCHDOG=1");
                if (!ended_) feed_watchdog();
            });
        });
    }

    std::shared_ptr<Runtime> runtime_;
    std::filesystem::path config_;
    asio::signal_set signals_;
    asio::steady_timer watchdog_;
    bool ended_ = false;
};

// Memory of large bodies goes back to the system with them: else a flood would raise glibc's threshold, and
// what it took would be kept for ever.
void give_memory_back() { mallopt(M_MMAP_THRESHOLD, 128 << 10); }

}  // namespace

int serve(const std::filesystem::path& file) {
    keep_memory_private();
    give_memory_back();
    auto config = load_config(file);
    if (!config) return fail_to_start("read configuration", config.error());
    std::signal(SIGPIPE, SIG_IGN);  // a worker that died is an error of write(), not ours to die of
    raise_descriptor_limit();
    log::start(config->log);
    const std::size_t sources = config->sources.size();

    auto runtime = std::make_shared<Runtime>(*std::move(config));
    if (auto r = runtime->start(); !r) {
        log::stop();
        return fail_to_start("start", r.error());
    }
    {
        const Supervision supervision(runtime, file);
        log::info("server.ready", kv("version", HOOKSWITCH_VERSION), kv("sources", sources));
        systemd::notify("READY=1");
        runtime->server().run();
    }
    log::info("server.stopped");
    runtime.reset();
    log::stop();
    if (plugin_threads_running() > 0) std::_Exit(0);  // they use what the end of main() destroys
    return 0;
}

}  // namespace hookswitch
