#include "daemon/runtime.hpp"

#include "daemon/call_restore.hpp"
#include "daemon/core/lines.hpp"
#include "daemon/io/log.hpp"
#include "daemon/io/wall_clock.hpp"
#include "daemon/start_handler.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;
using std::chrono::steady_clock;

// For workers to end by themselves once their input does.
constexpr auto kLastGrace = std::chrono::seconds(1);

void log_lines(std::string_view name, std::string_view lines) {
    for_each_line(lines, [&](std::string_view line) { log::error(name, kv("why", line)); });
}

void warn_of(const Config& config) {
    for (const std::string& warning : config.warnings) log::warn("config.warning", kv("what", warning));
}

}  // namespace

// A configuration whose handlers are starting, before it is taken into use.
struct Runtime::Prepared {
    Config config;
    std::shared_ptr<const Routing> routing;
    Running running;
    std::vector<std::string> running_names;
    std::size_t starting = 0;
    std::vector<std::string> failed;  // handlers that cannot start
};

Runtime::Runtime(Config config)
    : server_(config.server, metrics_),
      config_(std::move(config)),
      drain_timer_(server_.home()),
      resume_timer_(server_.home()) {
    const auto now = wall_now();
    metrics_.started_at_ms.set(now.time_since_epoch().count());
    metrics_.journal.enabled.set(config_.journal ? 1 : 0);
}

Runtime::~Runtime() {
    if (loader_.joinable()) loader_.join();
}

Result<> Runtime::start() {
    if (auto r = open_journal(); !r) return r.error();
    if (auto r = outbox_->use(config_.platform); !r) return r;
    if (auto r = server_.listen(); !r) return r.error();
    if (auto r = start_admin(); !r) return r.error();
    warn_of(config_);
    const auto prepared = prepare(std::move(config_));
    config_ = prepared->config;
    routing_ = prepared->routing;
    delivery_->use(routing_);
    begin_deliveries();
    server_.start(*dispatcher_, routing_);
    count_configuration({});
    return {};
}

Result<> Runtime::open_journal() {
    if (config_.journal) {
        TRY(journal_, Journal::open(*config_.journal, metrics_.journal));
    }
    const auto home = server_.home().get_executor();
    outbox_ = std::make_shared<Outbox>(home, journal_.get(), metrics_,
                                       [this](std::string_view call) { return calls_.realtime(call); });
    delivery_ = std::make_shared<Delivery>(home, journal_.get(), outbox_, metrics_);
    dispatcher_.emplace(dedupe_, calls_, delivery_, outbox_, journal_.get(), metrics_);
    return {};
}

void Runtime::begin_deliveries() {
    if (!journal_) return;
    delivery_->connect();
    if (!journal_->failure()) return try_to_resume();
    journal_->when_usable(server_.home().get_executor(), [this] { try_to_resume(); });
}

// Until it works: what is acknowledged meanwhile waits in the journal.
void Runtime::try_to_resume() {
    if (stopping_) return;
    auto resumed = resume_deliveries();
    if (resumed) return;
    log::error("delivery.read_failed", kv("why", resumed.error().what()));
    resume_timer_.expires_after(std::chrono::seconds(1));
    resume_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& ec) {
        if (!ec) self->try_to_resume();
    });
}

Result<> Runtime::resume_deliveries() {
    TRY(backlog_, JournalBacklog::open(journal_->settings()));
    TRY(const auto pending, backlog_->start());
    if (auto r = remember(*backlog_); !r) return r;
    const Milliseconds started(std::chrono::milliseconds(metrics_.started_at_ms.value()));
    if (auto r = restore_calls(calls_, *backlog_, started, wall_now()); !r) return r;
    TRY(auto commands, backlog_->open_commands());
    outbox_->resume(std::move(commands));
    delivery_->resume(pending, *backlog_);
    return {};
}

// What came shortly before the restart is recognised after it.
Result<> Runtime::remember(JournalBacklog& backlog) {
    struct Remembered {
        DeliveryKey key;
        Dedupe::Clock::time_point expires;
        Dedupe::Reply reply;
    };
    const auto wall = wall_now();
    const auto window = config_.dedupe_window;
    if (window.count() == 0) return {};
    std::vector<Remembered> found;
    auto read = backlog.recent(wall - window, Dedupe::kMostEntries, [&](const RecentEvent& event) {
        const auto key = delivery_key_of(event.dedupe);
        // Without its answer, a question that comes again is asked again.
        if (!key || (event.waited_for && !event.answer)) return;
        const auto left = std::min(window, event.received_at + window - wall);
        const auto reply = event.answer ? std::make_shared<const std::string>(*event.answer) : nullptr;
        found.push_back({*key, Dedupe::Clock::now() + left, reply});
    });
    if (!read) return std::move(read).error().in("read journal");
    for (auto it = found.rbegin(); it != found.rend(); ++it) dedupe_.restore(it->key, it->expires, it->reply);
    return {};
}

// A running handler ends when the last request that could reach it is done: the routes lease it, and the end
// of the lease retires it.
std::shared_ptr<Handler> Runtime::lease(const std::shared_ptr<RunningHandler>& handler) {
    return {handler.get(), [weak = weak_from_this(), handler](Handler*) {
                const auto self = weak.lock();
                if (!self) return;
                asio::post(self->server_.home(), [weak, handler] {
                    if (const auto runtime = weak.lock()) runtime->retire(handler);
                });
            }};
}

// What a worker of this handler wants of a call when nobody asked it.
WorkerPool::Act Runtime::unasked_of(const std::string& handler) {
    return [weak = weak_from_this(), handler](std::string call, std::vector<CallCommand> commands) {
        if (const auto self = weak.lock())
            self->outbox_->post(orders_of_handler(handler, call, std::move(commands), {}),
                                self->server_.home().get_executor(), [] {});
    };
}

std::shared_ptr<Runtime::Prepared> Runtime::prepare(Config config) {
    auto prepared = std::make_shared<Prepared>();
    Routing::Handlers handlers;
    for (const HandlerConfig& h : config.handlers) {
        auto running =
            start_handler(h, server_.home().get_executor(), metrics_.handler(h.name), unasked_of(h.name));
        if (!running) {
            handlers[h.name] = {std::get<std::shared_ptr<Handler>>(h.handler), h.delivery};
            continue;
        }
        prepared->running.push_back(running);
        prepared->running_names.push_back(h.name);
        running_.push_back(running);
        handlers[h.name] = {lease(running), h.delivery};
    }
    std::vector<Route> routes;
    for (const RouteSettings& settings : config.routes)
        routes.push_back({settings, handlers.at(settings.handler).handler});
    prepared->routing = std::make_shared<const Routing>(config.sources, std::move(routes),
                                                        std::move(handlers), config.dedupe_window, metrics_);
    prepared->config = std::move(config);
    return prepared;
}

void Runtime::reload(const std::filesystem::path& file, std::function<void()> done) {
    if (stopping_) return;
    if (reloading_) {
        reload_next_ = file;
        return;
    }
    reloading_ = true;
    reload_done_ = std::move(done);
    if (loader_.joinable()) loader_.join();
    // Not an owner, or the thread could be left to destroy, and to join, itself.
    loader_ = std::thread([this, file] {
        auto loaded = std::make_shared<Result<Config>>(load_config(file));
        asio::post(server_.home(), [this, loaded] { finish_reload(std::move(*loaded)); });
    });
}

void Runtime::finish_reload(Result<Config> loaded) {
    if (stopping_) return;
    if (!loaded) {
        log_lines("reload.failed", loaded.error().what());
        count_failed_reload();
        return reloaded();
    }
    auto prepared = prepare(*std::move(loaded));
    prepared->starting = prepared->running.size();
    if (prepared->starting == 0) return take_into_use(prepared);
    for (std::size_t i = 0; i < prepared->running.size(); ++i) {
        prepared->running[i]->when_ready([self = shared_from_this(), prepared, i](bool ready) {
            if (!ready) prepared->failed.push_back(prepared->running_names[i]);
            if (--prepared->starting == 0) self->take_into_use(prepared);
        });
    }
}

void Runtime::take_into_use(const std::shared_ptr<Prepared>& prepared) {
    if (stopping_) return;
    if (!prepared->failed.empty()) {
        for (const std::string& name : prepared->failed)
            log::error("reload.failed", kv("handler", name),
                       kv("why", "it cannot start as the new configuration has it; its log lines say why"));
        count_failed_reload();
        return reloaded();  // letting go of the routing retires the new handlers
    }
    if (prepared->config.server != server_.settings())
        log::warn("reload.needs_restart", kv("section", "server"),
                  kv("why", "changes in [server] need a restart"));
    if (auto r = outbox_->use(prepared->config.platform); !r)
        log::error("reload.platform_failed", kv("why", r.error().what()));
    reload_admin(prepared->config.admin);
    if (prepared->config.journal.has_value() != (journal_ != nullptr) ||
        (journal_ && prepared->config.journal->path != journal_->settings().path))
        log::warn("reload.needs_restart", kv("section", "journal"),
                  kv("why", "changes of path and sync in [journal] need a restart"));
    else if (journal_)
        journal_->retain(*prepared->config.journal);
    warn_of(prepared->config);
    const Config before = std::exchange(config_, std::move(prepared->config));
    count_configuration(before);
    metrics_.reloads.succeeded.add();
    routing_ = std::move(prepared->routing);
    log::start(config_.log);
    delivery_->use(routing_);
    server_.use(routing_);
    log::info("reload.done", kv("sources", config_.sources.size()), kv("handlers", config_.handlers.size()),
              kv("routes", config_.routes.size()));
    reloaded();
}

void Runtime::reloaded() {
    reloading_ = false;
    const auto done = std::exchange(reload_done_, nullptr);
    if (reload_next_.empty()) return done();
    reload(std::exchange(reload_next_, {}), done);
}

void Runtime::retire(const std::shared_ptr<RunningHandler>& handler) {
    if (handlers_stopping_ || std::ranges::find(running_, handler) == running_.end()) return;
    handler->stop(steady_clock::now() + server_.settings().drain_timeout,
                  [self = shared_from_this(), handler] {
                      std::erase(self->running_, handler);
                      self->tell_if_stopped();
                  });
}

void Runtime::stop(std::function<void()> done) {
    if (std::exchange(stopping_, true)) return give_up_waiting();
    stopped_ = std::move(done);
    resume_timer_.cancel();
    log::info("server.stopping");
    drain_timer_.expires_after(server_.settings().drain_timeout);
    drain_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& ec) {
        if (!ec) self->give_up_waiting();
    });
    server_.drain(
        [self = shared_from_this()] { self->delivery_->when_idle([self] { self->stop_handlers(); }); });
}

void Runtime::give_up_waiting() {
    log::warn("server.drain_timeout", kv("why", "ending what is still in work"));
    server_.abort();
    delivery_->abandon();
    outbox_->abandon();
    stop_handlers();
}

void Runtime::stop_handlers() {
    if (std::exchange(handlers_stopping_, true)) return;
    for (const auto& handler : Running(running_)) {
        handler->stop(steady_clock::now() + kLastGrace, [self = shared_from_this(), handler] {
            std::erase(self->running_, handler);
            self->tell_if_stopped();
        });
    }
    tell_if_stopped();
}

void Runtime::tell_if_stopped() {
    if (!handlers_stopping_ || !running_.empty() || std::exchange(released_, true)) return;
    outbox_->stop([self = shared_from_this()] { self->release(); });
}

void Runtime::release() {
    drain_timer_.cancel();
    if (admin_) admin_->stop();
    routing_.reset();
    delivery_->use(nullptr);
    // The last leases end here; what they post to home must still find it running.
    server_.use(nullptr, [self = shared_from_this()] {
        self->server_.release();
        std::exchange(self->stopped_, nullptr)();
    });
}

}  // namespace hookswitch
