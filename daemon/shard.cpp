#include "daemon/shard.hpp"

#include "daemon/session.hpp"

#include <utility>

namespace hookswitch {
namespace {

constexpr auto kTick = std::chrono::milliseconds(250);

Session& session_of(SessionHook& hook) { return static_cast<Session&>(hook); }

}  // namespace

Buffer BufferPool::take() {
    if (free_.empty()) return {std::make_unique_for_overwrite<char[]>(kUsual), kUsual};
    Buffer buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
}

void BufferPool::give(Buffer buffer) {
    if (buffer.capacity == kUsual && free_.size() < kKept) free_.push_back(std::move(buffer));
}

Shard::Shard(const ServerSettings& s, Metrics& metrics) : settings(s), strangers(metrics.source("")) {}

void Shard::add(Session& session) {
    sessions_.push_back(session);
    ++count_;
    if (draining_) session.drain(Session::Clock::now() + kIdleInDrain);
}

void Shard::remove(Session& session) {
    session.unlink();
    if (--count_ == 0 && drained_) std::exchange(drained_, nullptr)();
}

void Shard::start_ticking() {
    timer_.expires_after(kTick);
    timer_.async_wait([this](const boost::system::error_code& ec) {
        if (ec || !ticking_) return;
        tick();
        start_ticking();
    });
}

// The flag, because a tick that is due already no longer hears the cancelling.
void Shard::stop_ticking() {
    ticking_ = false;
    timer_.cancel();
}

void Shard::tick() {
    const auto now = Session::Clock::now();
    for (SessionHook& hook : sessions_) session_of(hook).expire_if_due(now);
}

void Shard::drain(std::function<void()> done) {
    draining_ = true;
    const auto until = Session::Clock::now() + kIdleInDrain;
    for (SessionHook& hook : sessions_) session_of(hook).drain(until);
    drained_ = std::move(done);
    if (count_ == 0) std::exchange(drained_, nullptr)();
}

void Shard::abort() {
    for (SessionHook& hook : sessions_) session_of(hook).abort();
}

}  // namespace hookswitch
