#include "daemon/shard.hpp"

#include "daemon/io/log.hpp"
#include "daemon/session.hpp"

#include <algorithm>
#include <new>
#include <thread>
#include <utility>

namespace hookswitch {
namespace {

constexpr auto kTick = std::chrono::milliseconds(250);

Session& session_of(auto& hook) { return static_cast<Session&>(hook); }

// Each shard has its part, and each can take at least one body.
std::size_t share_of(const ServerSettings& settings) {
    return std::max(settings.max_body_memory / shard_count(settings), 2 * settings.max_body);
}

}  // namespace

Buffer Buffer::of(std::size_t capacity) {
    Buffer buffer;
    buffer.grow(capacity);
    return buffer;
}

void Buffer::grow(std::size_t to) {
    auto* const bytes = static_cast<char*>(std::realloc(data.get(), to));
    if (!bytes) throw std::bad_alloc();
    static_cast<void>(data.release());
    data.reset(bytes);
    capacity = to;
}

Buffer BufferPool::take() {
    if (free_.empty()) return Buffer::of(kUsual);
    Buffer buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
}

void BufferPool::give(Buffer buffer) {
    if (buffer.capacity == kUsual && free_.size() < kKept) free_.push_back(std::move(buffer));
}

std::size_t shard_count(const ServerSettings& settings) {
    return settings.threads > 0 ? settings.threads : std::max(1u, std::thread::hardware_concurrency());
}

Shard::Shard(const ServerSettings& s, Metrics& metrics, Senders& who)
    : settings(s),
      unclaimed(metrics.source("")),
      senders(who),
      may_be_held_(share_of(s)),
      connections_(metrics.connections) {}

void Shard::add(Session& session) {
    sessions_.push_back(session);
    if (!session.refused()) {
        strangers_.push_back(session);
        ++stranger_count_;
    }
    ++count_;
    if (draining_) session.drain(Session::Clock::now() + kIdleInDrain);
}

void Shard::welcome(Session& session) { no_stranger(session); }

void Shard::no_stranger(Session& session) {
    if (!session.StrangerHook::is_linked()) return;
    session.StrangerHook::unlink();
    --stranger_count_;
}

void Shard::remove(Session& session) {
    hold(session, 0);
    session.SessionHook::unlink();
    no_stranger(session);
    if (--count_ == 0 && drained_) std::exchange(drained_, nullptr)();
}

void Shard::evict(Session& session) {
    hold(session, 0);
    no_stranger(session);
    connections_.evicted.add();
    session.abort();
}

bool Shard::evict_stranger() {
    if (strangers_.empty()) return false;
    evict(session_of(strangers_.front()));
    return true;
}

Session* Shard::oldest_holder(const Session& other_than) {
    for (HolderHook& hook : holders_) {
        Session& session = session_of(hook);
        if (&session != &other_than && !session.known()) return &session;
    }
    return nullptr;
}

bool Shard::hold(Session& session, std::size_t bytes) {
    while (held_ - session.held + bytes > may_be_held_ && bytes > session.held) {
        Session* const holder = oldest_holder(session);
        if (!holder) return false;
        evict(*holder);
    }
    connections_.body_bytes.add(static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(session.held));
    held_ = held_ - session.held + bytes;
    session.held = bytes;
    if (bytes == 0)
        session.HolderHook::unlink();
    else if (!session.HolderHook::is_linked())
        holders_.push_back(session);
    return true;
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
    log::tick();
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
