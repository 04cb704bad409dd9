#include "daemon/io/log.hpp"
#include "handlers/worker_pool.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using log::kv;
using std::chrono::milliseconds;

constexpr auto kFirstWait = 100ms;  // before a restart; doubled each time
constexpr auto kLongestWait = 30s;
constexpr auto kHealthyLife = 10s;  // after which the next restart is a first one again
constexpr auto kEndOfInputGrace = 1s;
constexpr int kMaxAttempts = 2;

}  // namespace

ProcessPool::Place::Place(const asio::any_io_executor& home)
    : restart(home), backoff(kFirstWait, kLongestWait) {}

ProcessPool::ProcessPool(WorkerSettings settings, asio::any_io_executor home, HandlerMetrics& metrics,
                         Act act)
    : settings_(std::make_shared<const WorkerSettings>(std::move(settings))),
      home_(std::move(home)),
      metrics_(metrics),
      ledger_(settings_->workers),
      deadline_timer_(home_),
      stop_timer_(home_),
      act_(std::move(act)),
      answers_(settings_->name, metrics) {
    for (std::size_t i = 0; i < settings_->workers; ++i) places_.emplace_back(home_);
}

ProcessPool::~ProcessPool() {
    for (Place& place : places_) {
        count_up(place, false);
        if (place.process) place.process->abandon();
    }
}

std::shared_ptr<WorkerPool> WorkerPool::start(WorkerSettings settings, asio::any_io_executor home,
                                              HandlerMetrics& metrics, Act act) {
    auto pool = std::make_shared<ProcessPool>(std::move(settings), std::move(home), metrics, std::move(act));
    pool->launch_all();
    return pool;
}

// ---- the lives of a worker

void ProcessPool::launch_all() {
    for (std::size_t i = 0; i < places_.size(); ++i) launch(i);
}

WorkerProcess::Owner ProcessPool::owner_of(std::size_t worker) {
    WorkerProcess::Owner owner;
    owner.ready = alive([worker](ProcessPool& self) { self.up(worker); });
    owner.lost = alive([worker](ProcessPool& self) { self.lost(worker); });
    owner.exited = alive([worker](ProcessPool& self, const std::string& why) { self.down(worker, why); });
    owner.frame = [weak = weak_from_this(), worker](WorkerFrame& frame) {
        auto self = weak.lock();
        return self ? self->heard(worker, frame) : Verdict::notice;
    };
    return owner;
}

void ProcessPool::launch(std::size_t worker) {
    Place& place = places_[worker];
    place.ready_since.reset();
    place.missed = 0;
    auto process = WorkerProcess::start(settings_, home_, owner_of(worker));
    if (process)
        place.process = *std::move(process);
    else
        down(worker, process.error().what());
}

void ProcessPool::up(std::size_t worker) {
    places_[worker].ready_since = now();
    count_up(places_[worker], true);
    report_ready(true);
    pump();
}

void ProcessPool::count_up(Place& place, bool up) {
    if (std::exchange(place.up, up) != up) metrics_.workers_up.add(up ? 1 : -1);
}

// What callers wait for is given once more, in the same order, before everything else that waits. The
// rest has its schedule of retries, and its attempts are counted there.
void ProcessPool::lost(std::size_t worker) {
    count_up(places_[worker], false);
    while (Entry* entry = ledger_.last_at(worker)) {
        if (wants_reply(entry->invocation.event->kind) && entry->attempt < kMaxAttempts &&
            entry->invocation.deadline > now() && !closing_)
            ledger_.take_back(*entry);
        else
            settle(*entry, fail(Errc::handler_failed, "the worker ended before it answered"));
    }
    pump();
}

void ProcessPool::down(std::size_t worker, const std::string& why) {
    Place& place = places_[worker];
    place.process.reset();
    if (closing_) return finish_stop();

    place.failed = !place.ready_since;
    if (place.ready_since && now() - *place.ready_since >= kHealthyLife) place.backoff.reset();
    const milliseconds wait = place.backoff.next(std::uniform_real_distribution<>()(random_));
    log::warn("worker.restarting", kv("handler", settings_->name), kv("why", why), kv("in_ms", wait.count()));
    place.restart.expires_after(wait);
    place.restart.async_wait(alive([worker](ProcessPool& self, error_code error) {
        if (error || self.closing_) return;
        self.metrics_.worker_restarts.add();
        self.launch(worker);
    }));
    if (std::all_of(places_.begin(), places_.end(), [](const Place& each) { return each.failed; }))
        report_ready(false);
}

// ---- start and stop

void ProcessPool::when_ready(std::function<void(bool)> done) {
    ready_waiters_.push_back(std::move(done));
    if (ready_) report_ready(*ready_);
}

void ProcessPool::report_ready(bool ready) {
    ready_ = ready || ready_.value_or(false);
    for (auto& waiter : std::exchange(ready_waiters_, {}))
        asio::post(home_, [waiter = std::move(waiter), answer = *ready_] { waiter(answer); });
}

void ProcessPool::stop(Time until, std::function<void()> done) {
    stopping_ = true;
    stopped_.push_back(std::move(done));
    report_ready(false);
    if (closing_) return finish_stop();
    close_if_drained();
    if (closing_) return;
    stop_timer_.expires_at(until);
    stop_timer_.async_wait(alive([](ProcessPool& self, error_code error) {
        if (!error) self.close_all(0ms);
    }));
}

void ProcessPool::close_if_drained() {
    if (stopping_ && ledger_.empty()) close_all(kEndOfInputGrace);
}

void ProcessPool::close_all(milliseconds grace) {
    if (std::exchange(closing_, true)) return;
    stop_timer_.cancel();
    deadline_timer_.cancel();
    while (Entry* entry = ledger_.first())
        settle(*entry, fail(Errc::handler_failed, "the worker pool was stopped"));
    for (Place& place : places_) {
        place.restart.cancel();
        if (place.process) place.process->close(grace);
    }
    finish_stop();
}

void ProcessPool::finish_stop() {
    const bool running =
        std::any_of(places_.begin(), places_.end(), [](const Place& p) { return p.process; });
    if (running) return;
    for (auto& done : std::exchange(stopped_, {})) asio::post(home_, std::move(done));
}

}  // namespace hookswitch
