#pragma once

// A thread with its own io_context and everything that belongs to the connections that live on it.
// A connection never leaves its shard, so nothing here has a lock. All members are called on the
// shard's thread unless they say otherwise.

#include "daemon/core/backoff.hpp"
#include "daemon/core/metrics.hpp"
#include "daemon/http_reply.hpp"
#include "daemon/routing.hpp"
#include "daemon/senders.hpp"
#include "daemon/server_settings.hpp"
#include "daemon/turns.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hookswitch {

class Session;
using AutoUnlink = boost::intrusive::link_mode<boost::intrusive::auto_unlink>;
struct SessionHook : boost::intrusive::list_base_hook<AutoUnlink> {};
struct StrangerHook : boost::intrusive::list_base_hook<AutoUnlink> {};
struct HolderHook : boost::intrusive::list_base_hook<AutoUnlink> {};

/// A request's bytes. Free to grow; the pool takes it back only at its usual size.
struct Buffer {
    /// Of `capacity` bytes that are not set to anything.
    static Buffer of(std::size_t capacity);

    /// Keeps what is there, elsewhere perhaps; without copying if it is large (mremap).
    void grow(std::size_t to);

    struct Free {
        void operator()(char* bytes) const { std::free(bytes); }
    };
    std::unique_ptr<char[], Free> data;
    std::size_t capacity = 0;
};

/// Buffers that idle connections do not need. One request's worth each.
class BufferPool {
public:
    static constexpr std::size_t kUsual = std::size_t{64} << 10;  // an event, and most reports

    Buffer take();
    void give(Buffer buffer);

private:
    static constexpr std::size_t kKept = 64;
    std::vector<Buffer> free_;
};

/// How many there are to be.
std::size_t shard_count(const ServerSettings& settings);

template <class Hook>
using SessionList = boost::intrusive::list<Hook, boost::intrusive::constant_time_size<false>>;

class Shard {
public:
    /// How long an idle connection lives on in a drain, for requests already on their way to us.
    static constexpr std::chrono::seconds kIdleInDrain{1};

    /// All of them outlive it.
    Shard(const ServerSettings& settings, Metrics& metrics, Senders& senders);

    /// More would keep more memory than their system calls are worth.
    static constexpr std::size_t kMostWaitingWithBuffer = 256;

    boost::asio::io_context context{1};
    const ServerSettings& settings;
    SourceMetrics& unclaimed;  // requests that come to no source
    Senders& senders;
    Turns turns{context};
    std::shared_ptr<const Routing> routing;
    BufferPool buffers;
    std::size_t waiting_with_buffer = 0;  // connections that have just been busy
    HttpWriter writer;
    Throttle refusals{100, std::chrono::seconds(1)};  // lines in the log
    std::string scratch;  // a response on its way into a socket; holds nothing across a wait

    bool draining() const { return draining_; }

    /// Every session is a stranger until welcome() or, if it goes, remove(); but one that is only told
    /// that it is refused makes no room.
    void add(Session& session);
    void welcome(Session& session);
    void remove(Session& session);

    /// Ends the oldest connection on which nothing signed has come. False: there is none.
    bool evict_stranger();

    /// Is there one? For other shards, whose thread it may be: the answer may be old.
    bool has_stranger() const { return stranger_count_.load(std::memory_order_relaxed) > 0; }

    /// Memory for bodies: lets `session` hold so many bytes, in all, if need be at the cost of the senders
    /// not known who hold theirs longest. False: there is not so much; what it held it holds.
    bool hold(Session& session, std::size_t bytes);

    /// Looks for expired sessions four times a second: a coarse clock for all, instead of a timer
    /// for each that is set and cancelled with every request.
    void start_ticking();
    void stop_ticking();

    /// From now on connections end with their next answer, idle ones within a second. `done` is
    /// called when the last has ended.
    void drain(std::function<void()> done);

    /// Ends what is still there.
    void abort();

private:
    void tick();
    void evict(Session& session);
    void no_stranger(Session& session);
    Session* oldest_holder(const Session& other_than);

    boost::asio::steady_timer timer_{context};
    SessionList<SessionHook> sessions_;
    SessionList<StrangerHook> strangers_;  // the oldest first
    std::atomic<std::size_t> stranger_count_{0};
    SessionList<HolderHook> holders_;  // who holds memory, the longest first
    std::size_t held_ = 0;
    const std::size_t may_be_held_;
    ConnectionMetrics& connections_;
    std::size_t count_ = 0;
    bool draining_ = false;
    bool ticking_ = true;
    std::function<void()> drained_;
};

}  // namespace hookswitch
