// What becomes of the plugin itself: trial, load, start, threads, stop, unload. What can hang is done on
// threads of its own, and nobody waits for it longer than it may take.

#include "daemon/core/lines.hpp"
#include "daemon/core/units.hpp"
#include "daemon/io/log.hpp"
#include "handlers/plugin_handler.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using log::kv;
using std::chrono::milliseconds;

constexpr auto kStopTime = 2s;            // for stop() and the library's destructors
constexpr std::size_t kMostGivenUp = 16;  // threads that hang and were replaced
constexpr std::size_t kLogLinesPerSecond = 100;
constexpr std::size_t kErrorLines = 20;  // of a trial that failed

log::Level level_of(int level) {
    if (level <= HOOKSWITCH_DEBUG) return log::Level::debug;
    if (level == HOOKSWITCH_INFO) return log::Level::info;
    return level == HOOKSWITCH_WARN ? log::Level::warn : log::Level::error;
}

// What a plugin logs, on whatever thread.
class PluginLog {
public:
    explicit PluginLog(std::string handler) : handler_(std::move(handler)), rate_(kLogLinesPerSecond, 1s) {}

    void write(int level, std::string_view text) {
        const auto held_back = pass();
        if (!held_back) return;
        if (*held_back > 0) log::warn("plugin.log", kv("handler", handler_), kv("suppressed", *held_back));
        const PluginJob* const job = plugin_job_here();
        const log::Field fields[] = {kv("handler", handler_), kv("id", job ? job->id : ""),
                                     kv("call", job ? job->call : ""), kv("line", text)};
        log::write(level_of(level), "plugin.log", fields);
    }

private:
    std::optional<std::size_t> pass() {
        const std::lock_guard lock(mutex_);
        return rate_.pass(std::chrono::steady_clock::now());
    }

    const std::string handler_;
    std::mutex mutex_;
    Throttle rate_;
};

PluginLibrary::Log log_of(const std::string& handler) {
    return [log = std::make_shared<PluginLog>(handler)](int level, std::string_view text) {
        log->write(level, text);
    };
}

Result<std::shared_ptr<PluginLibrary>> load_and_start(std::shared_ptr<const PluginImage> image,
                                                      const PluginSettings& settings) {
    TRY(auto library, PluginLibrary::load(std::move(image)));
    if (auto r = library->start(settings.settings, false, log_of(settings.name)); !r) {
        library->unload();
        return r.error();
    }
    return library;
}

}  // namespace

// ---- start

// One thing at a time is waited for; a timer that has expired cannot be called back, so being cancelled is
// not enough.
template <class F>
void PluginHandler::after(milliseconds wait, F then) {
    load_timer_.expires_after(wait);
    load_timer_.async_wait(
        alive([step = ++load_step_, then = std::move(then)](PluginHandler& self, error_code error) {
            if (!error && step == self.load_step_) then(self);
        }));
}

void PluginHandler::in_time() {
    ++load_step_;
    load_timer_.cancel();
}

void PluginHandler::load() {
    const auto image = std::make_shared<Result<Image>>(fail(Errc::handler_failed, "it was not read"));
    limit_start("reading its file");
    const bool begun = run_apart(
        way_, [image, file = settings_.library] { *image = PluginImage::read(file); },
        alive([image](PluginHandler& self) { self.try_out(std::move(*image)); }));
    if (!begun) failed("there is no thread for it");
}

void PluginHandler::try_out(Result<Image> image) {
    if (closing_) return;
    in_time();
    if (!image) return failed(image.error().what());
    auto done = [image = *image](PluginHandler& self, Result<PluginFacts> facts, const std::string& errors) {
        self.trial_.reset();
        if (facts) return self.start_library(image, *facts);
        std::size_t lines = 0;
        for_each_line(errors, [&](std::string_view line) {
            if (++lines <= kErrorLines)
                log::info("plugin.stderr", kv("handler", self.settings_.name), kv("line", line));
        });
        self.failed(facts.error().what());
    };
    trial_ = PluginTrial::begin(settings_, *image, home_, alive(std::move(done)));
}

// Not before it went well elsewhere.
void PluginHandler::start_library(const Image& image, const PluginFacts& facts) {
    log::debug("plugin.tried", kv("handler", settings_.name), kv("plugin", facts.name));
    if (!facts.unloads)
        log::warn(
            "plugin.stays", kv("handler", settings_.name),
            kv("why",
               "the first copy stays in memory when it is replaced, and later ones share objects with it: "
               "compile it with -fno-gnu-unique"));
    const auto library = std::make_shared<Result<Library>>(fail(Errc::handler_failed, "it was not loaded"));
    limit_start("start()");
    starting_ = run_apart(
        way_, [library, image, settings = settings_] { *library = load_and_start(image, settings); },
        alive([library](PluginHandler& self) { self.started(std::move(*library)); }));
    if (!starting_) failed("there is no thread for it");
}

// A thread that hangs in there is not joined by others: it is not tried again. It may come back.
void PluginHandler::limit_start(const std::string& stage) {
    after(settings_.start_timeout, [stage](PluginHandler& self) {
        self.phase_ = Phase::failed;
        self.why_failed_ = "the plugin hangs in " + stage;
        log::error("plugin.hangs", kv("handler", self.settings_.name),
                   kv("why", "in " + stage + " for " + duration_text(self.settings_.start_timeout) +
                                 ": reload or restart once that is mended"));
        self.report_ready(false);
        self.fail_waiting();
    });
}

void PluginHandler::started(Result<Library> library) {
    starting_ = false;
    if (closing_) {
        if (!library) return closed();
        library_ = *std::move(library);
        return close_library();
    }
    in_time();
    if (!library) return failed(library.error().what());
    run(*std::move(library));
}

void PluginHandler::run(Library library) {
    library_ = std::move(library);
    PluginThreads::Owner owner;
    owner.answered = alive([](PluginHandler& self, const std::string& id, Result<std::string> text) {
        self.answered(id, std::move(text));
    });
    owner.ended = alive([](PluginHandler& self, bool given_up) { self.thread_ended(given_up); });
    threads_ = std::make_shared<PluginThreads>(library_, way_, std::move(owner));
    phase_ = Phase::running;
    why_failed_.clear();
    backoff_.reset();
    top_up();
    log::info("plugin.started", kv("handler", settings_.name), kv("plugin", library_->name()),
              kv("threads", usable_));
    report_ready(usable_ > 0);
    for (auto& [id, begun] : begun_)
        if (!begun.job) hand_over(begun);
}

void PluginHandler::failed(const std::string& why) {
    if (closing_) return;
    phase_ = Phase::failed;
    why_failed_ = "the plugin could not be loaded: " + why;
    const auto pause = backoff_.next(std::uniform_real_distribution<>(0, 1)(random_));
    log::error("plugin.failed", kv("handler", settings_.name), kv("library", settings_.library.string()),
               kv("why", why), kv("next_in_ms", pause.count()));
    after(pause, [](PluginHandler& self) { self.load(); });
    report_ready(false);
    fail_waiting();
}

void PluginHandler::report_ready(bool ready) {
    if (ready_) return;
    ready_ = ready;
    for (auto& done : std::exchange(ready_waiters_, {}))
        asio::post(home_, [done = std::move(done), ready] { done(ready); });
}

void PluginHandler::when_ready(std::function<void(bool)> done) {
    ready_waiters_.push_back(std::move(done));
    if (const auto ready = std::exchange(ready_, std::nullopt)) report_ready(*ready);
}

// ---- threads

// As many as there should be; those that hang are replaced, until there are too many of them. What may have
// only so many threads does not get more.
void PluginHandler::top_up() {
    const std::size_t most =
        library_->max_threads() > 0 ? library_->max_threads() : std::numeric_limits<std::size_t>::max();
    const std::size_t wanted = std::min(settings_.threads, most);
    while (!closing_ && usable_ < wanted && usable_ + given_up_ < most && given_up_ < kMostGivenUp) {
        if (!threads_->add_thread()) {
            log::error("plugin.no_thread", kv("handler", settings_.name), kv("threads", usable_));
            break;
        }
        ++usable_;
    }
    if (usable_ > 0 && phase_ == Phase::hanging) {
        phase_ = Phase::running;
        log::info("plugin.recovered", kv("handler", settings_.name), kv("threads", usable_));
    }
    if (usable_ > 0 || phase_ != Phase::running) return;
    phase_ = Phase::hanging;
    why_failed_ = "the plugin hangs on all its threads";
    log::error("plugin.stuck", kv("handler", settings_.name), kv("threads_given_up", given_up_),
               kv("why", "it hangs on all its threads: restart the service once it is mended"));
    fail_waiting();
}

void PluginHandler::thread_ended(bool given_up) {
    --(given_up ? given_up_ : usable_);
    if (closing_) {
        if (usable_ == 0 && library_) close_library();
        return;
    }
    top_up();
}

// ---- stop

// Nothing is in work any more, or what is has been given up.
void PluginHandler::close() {
    if (std::exchange(closing_, true)) return;
    deadline_timer_.cancel();
    if (trial_) trial_->abandon();
    trial_.reset();
    report_ready(false);
    if (!library_ && !starting_) return closed();
    after(kStopTime, [](PluginHandler& self) {
        log::warn("plugin.left", kv("handler", self.settings_.name),
                  kv("why", "it does not end in " + duration_text(kStopTime)));
        self.closed();
    });
    if (threads_) threads_->end();
    if (library_ && usable_ == 0) close_library();
}

// Once all threads have ended. One that hangs may still use everything.
void PluginHandler::close_library() {
    if (given_up_ > 0) {
        log::warn("plugin.left", kv("handler", settings_.name),
                  kv("why", fmt::format("{} of its threads hang", given_up_)));
        return closed();
    }
    auto end = [library = std::exchange(library_, nullptr)] {
        library->stop();
        library->unload();
    };
    if (!run_apart(way_, std::move(end), alive([](PluginHandler& self) { self.closed(); }))) closed();
}

void PluginHandler::closed() {
    if (std::exchange(closed_, true)) return;
    in_time();
    for (auto& done : std::exchange(stopped_, {})) asio::post(home_, std::move(done));
}

}  // namespace hookswitch
