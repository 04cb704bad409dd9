#include "daemon/delivery.hpp"

#include "daemon/io/log.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;
using std::chrono::steady_clock;

// How long to wait before offering again to a handler whose queue is full.
constexpr auto kPause = std::chrono::milliseconds(100);

// A handler that could not even begin by the deadline says so first, and the event is offered again.
constexpr auto kGrace = std::chrono::milliseconds(500);

// A parsed event takes about ten times its text, and a little for itself.
std::size_t footprint(std::size_t body_size) { return body_size * 10 + 1024; }

void report_lost(const std::string& id, const Event& event, const Route& route, std::string_view why) {
    log::error("delivery.failed", kv("id", id), kv("type", event.type), kv("call", event.call_id),
               kv("handler", route.settings.handler), kv("why", why));
}

}  // namespace

// A job in a handler's hands. Whichever comes first, answer or deadline, finishes it.
struct Delivery::Running {
    Running(const asio::any_io_executor& home, Job j)
        : job(std::move(j)), id(job.id), handler(job.route->settings.handler), timer(home) {}
    Job job;
    const std::string id, handler;  // for a late answer: by then the job has been let go
    asio::steady_timer timer;
    bool finished = false;
};

bool Delivery::reserve(std::size_t body_size) {
    const std::size_t size = footprint(body_size);
    if (bytes_.fetch_add(size) + size <= kMostBytes) return true;
    bytes_.fetch_sub(size);
    return false;
}

void Delivery::release(std::size_t body_size) { bytes_.fetch_sub(footprint(body_size)); }

void Delivery::accept(Received received, std::shared_ptr<const Event> event, std::vector<const Route*> routes,
                      std::size_t body_size) {
    const std::shared_ptr<void> reservation(
        nullptr, [self = shared_from_this(), body_size](void*) { self->release(body_size); });
    std::vector<Job> jobs;
    for (const Route* route : routes)
        jobs.push_back({new_event_id(received.wall), received, event, route, reservation});
    asio::post(home_, [self = shared_from_this(), jobs = std::move(jobs)]() mutable {
        for (Job& job : jobs) self->enqueue(std::move(job));
    });
}

void Delivery::enqueue(Job job) {
    if (abandoned_) return report_lost(job.id, *job.event, *job.route, "the daemon is stopping");
    ++jobs_;
    const std::string name = job.route->settings.handler;
    Lane& lane = lanes_[name];
    const std::string call(job.event->call_id);
    if (!call.empty()) {
        const auto [it, first] = lane.behind.try_emplace(call);
        if (!first) {
            it->second.push_back(std::move(job));
            return;
        }
    }
    lane.ready.push_back(std::move(job));
    pump(name);
}

void Delivery::pump(const std::string& name) {
    Lane& lane = lanes_[name];
    while (!lane.ready.empty() && !lane.pausing &&
           lane.in_work < lane.ready.front().route->handler->told_only_slots()) {
        Job job = std::move(lane.ready.front());
        lane.ready.pop_front();
        ++lane.in_work;
        start(name, std::move(job));
    }
}

void Delivery::start(const std::string& name, Job job) {
    const auto timeout = timeout_for(job.route->settings, job.event->kind);
    auto running = std::make_shared<Running>(home_, std::move(job));
    const Job& j = running->job;
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    running->timer.expires_at(deadline + kGrace);
    running->timer.async_wait([self = shared_from_this(), running](const boost::system::error_code& ec) {
        if (!ec) self->finish(*running, fail(Errc::deadline_exceeded, "deadline exceeded"));
    });
    Invocation invocation{
        j.id, j.event, nullptr, j.received.source->name, j.received.routing, j.received.wall, deadline};
    // Posted, not run inline: a handler that answers at once must not recurse into the next job.
    Answer answer([self = shared_from_this(), running](Result<Outcome> outcome) {
        asio::post(self->home_, [self, running, outcome = std::move(outcome)]() mutable {
            self->finish(*running, std::move(outcome));
        });
    });
    try {
        j.route->handler->handle(std::move(invocation), std::move(answer));
    } catch (const std::exception& e) {
        log::error("handler.threw", kv("handler", name), kv("why", e.what()));
    }
}

void Delivery::finish(Running& running, Result<Outcome> outcome) {
    const Job& job = running.job;
    if (std::exchange(running.finished, true)) {
        if (outcome) log::info("handler.late", kv("id", running.id), kv("handler", running.handler));
        return;
    }
    running.timer.cancel();
    const std::string name = job.route->settings.handler;
    Lane& lane = lanes_[name];
    --lane.in_work;
    if (!outcome && outcome.error() == Errc::overloaded && !abandoned_)
        return pause(name, std::move(running.job));

    if (!outcome)
        report_lost(job.id, *job.event, *job.route, outcome.error().what());
    else if (log::enabled(log::Level::info))
        log::info("event.delivered", kv("id", job.id), kv("type", job.event->type),
                  kv("call", job.event->call_id), kv("handler", name));
    --jobs_;
    next_of_call(lane, std::string(job.event->call_id));
    running.job = {};
    pump(name);
    tell_if_idle();
}

// The handler's queue is full of events that callers wait for; theirs is the right of way.
void Delivery::pause(const std::string& name, Job job) {
    Lane& lane = lanes_[name];
    lane.ready.push_front(std::move(job));
    if (std::exchange(lane.pausing, true)) return;
    auto timer = std::make_shared<asio::steady_timer>(home_, kPause);
    timer->async_wait([self = shared_from_this(), timer, name](const boost::system::error_code&) {
        self->lanes_[name].pausing = false;
        self->pump(name);
    });
}

void Delivery::next_of_call(Lane& lane, const std::string& call) {
    const auto it = lane.behind.find(call);
    if (it == lane.behind.end()) return;
    if (it->second.empty()) {
        lane.behind.erase(it);
        return;
    }
    lane.ready.push_back(std::move(it->second.front()));
    it->second.pop_front();
}

void Delivery::when_idle(std::function<void()> done) {
    idle_.push_back(std::move(done));
    tell_if_idle();
}

void Delivery::tell_if_idle() {
    if (jobs_ > 0) return;
    for (auto& done : std::exchange(idle_, {})) done();
}

void Delivery::abandon() {
    abandoned_ = true;
    const auto lose = [this](std::deque<Job>& jobs) {
        for (const Job& job : jobs) report_lost(job.id, *job.event, *job.route, "the daemon is stopping");
        jobs_ -= jobs.size();
        jobs.clear();
    };
    for (auto& [name, lane] : lanes_) {
        lose(lane.ready);
        for (auto& [call, jobs] : lane.behind) lose(jobs);
    }
    tell_if_idle();
}

}  // namespace hookswitch
