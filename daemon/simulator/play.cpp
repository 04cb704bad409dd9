#include "daemon/simulator/play.hpp"

#include "daemon/io/terminal_line.hpp"
#include "daemon/simulator/call_player.hpp"
#include "daemon/simulator/play_report.hpp"
#include "daemon/simulator/webhook_sender.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ostream>
#include <utility>

namespace hookswitch::simulator {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t kConcurrentLoad = 100;  // where --calls is given and --concurrent is not
constexpr std::size_t kAtATime = 50;          // calls begun in one go, lest answers wait for all of them

std::shared_ptr<const Destination> account_of(const PlaySettings& settings,
                                              const std::optional<SigningKey>& key) {
    if (!settings.to) return nullptr;
    Destination account;
    account.url = *settings.to;
    account.key = key;
    return std::make_shared<const Destination>(std::move(account));
}

// What tells a call from others: all ids of the REST form begin alike.
std::string_view short_id(std::string_view id) {
    constexpr std::size_t kLength = 8;
    return id.starts_with("call-") ? id.substr(id.size() - std::min(kLength, id.size()))
                                   : id.substr(0, kLength);
}

std::shared_ptr<const Scenario> first_outbound(const std::vector<std::shared_ptr<const Scenario>>& all) {
    const auto found = std::ranges::find(all, "outbound", &Scenario::direction);
    return found == all.end() ? nullptr : *found;
}

}  // namespace

Result<std::vector<std::shared_ptr<const Scenario>>> load_scenarios(const PlaySettings& settings) {
    std::vector<std::shared_ptr<const Scenario>> scenarios;
    std::string mistakes;
    const auto note = [&mistakes](const Error& error) {
        mistakes += (mistakes.empty() ? "" : "\n") + error.what();
    };
    for (const std::string& name : settings.scenarios) {
        auto file = find_scenario(name, settings.scenario_directory);
        auto scenario = file ? load_scenario(*file) : Result<Scenario>(file.error());
        if (scenario)
            scenarios.push_back(std::make_shared<const Scenario>(*std::move(scenario)));
        else
            note(scenario.error());
    }
    if (!mistakes.empty()) return fail(Errc::invalid_config, std::move(mistakes));
    return scenarios;
}

struct Play::Impl {
    Impl(const asio::any_io_executor& e, const PlaySettings& s, Parts p)
        : executor(e),
          settings(s),
          parts(std::move(p)),
          progress(parts.err, parts.progress && settings.calls > 0),
          report(settings.compare, progress.watched()),
          sender(executor, settings, report),
          due_timer(executor),
          tick_timer(executor),
          scenarios(parts.scenarios),
          total(settings.calls > 0 ? settings.calls : scenarios.size()),
          concurrent(settings.concurrent > 0 ? settings.concurrent
                     : settings.calls > 0    ? kConcurrentLoad
                                             : 1) {}

    void make_player() {
        CallPlayer::Parts of_player{.log = parts.log,
                                    .sender = sender,
                                    .report = report,
                                    .account = account_of(settings, parts.key),
                                    .dialled = first_outbound(scenarios),
                                    .narrate = {}};
        if (!settings.json && settings.calls == 0)
            of_player.narrate = [&out = parts.out](const CallRecord& call, std::string_view line) {
                out << short_id(call.id) << "  " << line << '\n' << std::flush;
            };
        player = std::make_unique<CallPlayer>(executor, settings, std::move(of_player));
    }

    bool is_due() const {
        if (!settings.rate) return true;
        const std::chrono::duration<double> at(static_cast<double>(begun) / *settings.rate);
        return Clock::now() >= started + std::chrono::duration_cast<Clock::duration>(at);
    }

    void more();
    void wait_until_due();
    void tick();

    asio::any_io_executor executor;
    const PlaySettings settings;
    Parts parts;
    TerminalLine progress;
    PlayReport report;
    WebhookSender sender;
    asio::steady_timer due_timer, tick_timer;
    std::vector<std::shared_ptr<const Scenario>> scenarios;
    std::unique_ptr<CallPlayer> player;
    std::function<void()> done;
    std::size_t total, concurrent, begun = 0, running = 0;
    Clock::time_point started = Clock::now();
    bool waiting = false, stopped = false;
};

void Play::Impl::more() {
    if (stopped) return;
    for (std::size_t i = 0; begun < total && running < concurrent; ++i) {
        if (!is_due()) return wait_until_due();
        if (i == kAtATime) {
            asio::post(executor, [this] { more(); });
            return;
        }
        const std::size_t number = begun++;
        ++running;
        player->play(scenarios[number % scenarios.size()], number, [this] {
            --running;
            more();
        });
    }
    if (begun == total && running == 0 && done)
        sender.when_idle([this, all_over = std::exchange(done, nullptr)] {
            tick_timer.cancel();
            all_over();
        });
}

void Play::Impl::wait_until_due() {
    if (std::exchange(waiting, true)) return;
    const std::chrono::duration<double> at(static_cast<double>(begun) / *settings.rate);
    due_timer.expires_at(started + std::chrono::duration_cast<Clock::duration>(at));
    due_timer.async_wait([this](const boost::system::error_code& ec) {
        if (ec) return;
        waiting = false;
        more();
    });
}

void Play::Impl::tick() {
    tick_timer.expires_after(1s);
    tick_timer.async_wait([this](const boost::system::error_code& ec) {
        if (ec) return;
        progress.show(report.as_progress(Clock::now() - started));
        tick();
    });
}

Play::Play(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Play::~Play() = default;

Result<std::unique_ptr<Play>> Play::make(asio::any_io_executor executor, const PlaySettings& settings,
                                         Parts parts) {
    if (settings.calls > 0 && parts.scenarios.empty())
        return fail(Errc::invalid_config, "--calls needs --scenario: which calls are to be played");
    auto impl = std::make_unique<Impl>(executor, settings, std::move(parts));
    if (!settings.record.empty())
        if (auto opened = impl->sender.record_to(settings.record); !opened) return opened.error();
    impl->make_player();
    return std::unique_ptr<Play>(new Play(std::move(impl)));
}

Switchboard& Play::switchboard() { return *impl_->player; }

void Play::use(RestApi& directory) { impl_->player->use(directory); }

void Play::start(std::function<void()> done) {
    impl_->started = Clock::now();
    if (impl_->scenarios.empty()) return;
    impl_->done = std::move(done);
    if (impl_->progress.watched()) impl_->tick();
    impl_->more();
}

void Play::stop(std::string why) {
    impl_->stopped = true;
    impl_->due_timer.cancel();
    impl_->tick_timer.cancel();
    impl_->report.stopped(std::move(why));
}

int Play::conclude() {
    Impl& play = *impl_;
    const auto duration = Clock::now() - play.started;
    play.tick_timer.cancel();
    play.progress.clear();
    play.parts.out << (play.settings.json ? play.report.as_json(duration) : play.report.as_text(duration))
                   << std::flush;
    return play.report.good() ? 0 : 1;
}

}  // namespace hookswitch::simulator
