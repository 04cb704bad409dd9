#include "handlers/plugin.hpp"

#include "daemon/io/log.hpp"
#include "handlers/plugin_handler.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using log::kv;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kFirstPause = std::chrono::seconds(1);  // before the plugin is tried again; doubled each time
constexpr auto kLongestPause = std::chrono::seconds(60);

}  // namespace

PluginHandler::PluginHandler(PluginSettings settings, asio::any_io_executor home, HandlerMetrics& metrics)
    : settings_(std::move(settings)),
      home_(std::move(home)),
      metrics_(metrics),
      answers_(settings_.name, metrics),
      way_(std::make_shared<WayHome>(home_)),
      deadline_timer_(home_),
      load_timer_(home_),
      backoff_(kFirstPause, kLongestPause) {}

void PluginHandler::open() {
    bulkhead_ = Bulkhead::make({settings_.threads, settings_.queue}, home_, metrics_,
                               alive([](PluginHandler& self, const Invocation& invocation,
                                        milliseconds left) { self.begin(invocation, left); }));
    load();
}

PluginHandler::~PluginHandler() {
    if (trial_) trial_->abandon();
    if (threads_) threads_->end();
    way_->cut();
}

void PluginHandler::handle(Invocation invocation, Answer answer) {
    asio::dispatch(home_, [self = shared_from_this(), invocation = std::move(invocation),
                           answer = std::move(answer)]() mutable {
        self->bulkhead_->accept(std::move(invocation), std::move(answer));
    });
}

void PluginHandler::begin(const Invocation& invocation, milliseconds) {
    if (phase_ == Phase::failed || phase_ == Phase::hanging)
        return bulkhead_->finished(invocation.id, fail(Errc::handler_failed, why_failed_));
    auto [at, added] = begun_.emplace(invocation.id, Begun{&invocation, nullptr, invocation.deadline});
    if (phase_ == Phase::running) hand_over(at->second);
    watch_deadlines();
}

void PluginHandler::hand_over(Begun& begun) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(begun.invocation->deadline - steady_clock::now());
    begun.job = std::make_shared<PluginJob>(*begun.invocation, std::max(left, milliseconds(0)));
    threads_->give(begun.job);
}

void PluginHandler::answered(const std::string& id, Result<std::string> text) {
    const auto begun = begun_.find(id);
    if (begun == begun_.end()) return;
    if (text)
        finish(id, answers_.read(*text, id, begun->second.invocation->event->call_id));
    else
        finish(id, std::move(text).error());
}

void PluginHandler::finish(const std::string& id, Result<Outcome> outcome) {
    begun_.erase(id);
    bulkhead_->finished(id, std::move(outcome));
}

// The timer is only ever moved to an earlier time; an answer in time leaves it to find nothing.
void PluginHandler::watch_deadlines() {
    Time next = Time::max();
    for (const auto& [id, begun] : begun_) next = std::min(next, begun.due);
    if (next == Time::max() || (deadline_watched_ && *deadline_watched_ <= next)) return;
    deadline_watched_ = next;
    deadline_timer_.expires_at(next);
    deadline_timer_.async_wait(alive([](PluginHandler& self, error_code error) {
        if (!error) self.on_deadlines();
    }));
}

void PluginHandler::on_deadlines() {
    deadline_watched_.reset();
    const Time now = steady_clock::now();
    std::vector<std::string> due;
    for (const auto& [id, begun] : begun_)
        if (begun.due <= now) due.push_back(id);
    for (const std::string& id : due)
        if (const auto at = begun_.find(id); at != begun_.end()) on_deadline(id, at->second);
    watch_deadlines();
}

// The dispatcher keeps deadlines by itself. Here it is about threads: an event keeps one until the plugin is
// done with it, or until nobody believes that it will ever be.
void PluginHandler::on_deadline(const std::string& id, Begun& begun) {
    if (!begun.job || threads_->take_back(begun.job)) {
        const bool waited_for = wants_reply(begun.invocation->event->kind);
        return finish(id, fail(waited_for ? Errc::deadline_exceeded : Errc::overloaded,
                               "the plugin was not free in time"));
    }
    if (std::exchange(begun.missed, true)) return give_up(id, begun);
    metrics_.cut_off.add();
    begun.due += settings_.hang_timeout;
}

void PluginHandler::give_up(const std::string& id, Begun& begun) {
    if (!threads_->give_up(begun.job)) return;  // its answer is on its way
    --usable_;
    ++given_up_;
    log::error("plugin.hangs", kv("handler", settings_.name), kv("id", id), kv("call", begun.job->call),
               kv("threads_given_up", given_up_),
               kv("why", fmt::format("still at an event {} ms after its deadline: its thread is given up",
                                     settings_.hang_timeout.count())));
    top_up();
    finish(id, fail(Errc::handler_failed, "the plugin hangs"));
}

// Of stop(): the time is over.
void PluginHandler::cut_off() {
    fail_waiting();
    std::vector<std::string> ids;
    for (const auto& [id, begun] : begun_) ids.push_back(id);
    for (const std::string& id : ids) {
        const auto at = begun_.find(id);
        if (at == begun_.end()) continue;
        if (threads_->give_up(at->second.job)) {
            --usable_;
            ++given_up_;
        }
        finish(id, fail(Errc::handler_failed, "the handler was stopped"));
    }
}

// Those that no thread has begun, now that none will.
void PluginHandler::fail_waiting() {
    const std::string why = why_failed_.empty() ? "the handler was stopped" : why_failed_;
    std::vector<std::string> ids;
    for (const auto& [id, begun] : begun_)
        if (!begun.job || threads_->take_back(begun.job)) ids.push_back(id);
    for (const std::string& id : ids)
        if (begun_.contains(id)) finish(id, fail(Errc::handler_failed, why));
}

void PluginHandler::stop(std::chrono::steady_clock::time_point until, std::function<void()> done) {
    if (closed_) return asio::post(home_, std::move(done));
    stopped_.push_back(std::move(done));
    bulkhead_->stop(until, alive([](PluginHandler& self) { self.cut_off(); }),
                    alive([](PluginHandler& self) { self.close(); }));
}

std::shared_ptr<RunningHandler> start_plugin(PluginSettings settings, asio::any_io_executor home,
                                             HandlerMetrics& metrics) {
    auto handler = std::make_shared<PluginHandler>(std::move(settings), std::move(home), metrics);
    handler->open();
    return handler;
}

}  // namespace hookswitch
