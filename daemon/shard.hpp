#pragma once

// A thread with its own io_context and everything that belongs to the connections that live on it.
// A connection never leaves its shard, so nothing here has a lock. All members are called on the
// shard's thread unless they say otherwise.

#include "daemon/core/backoff.hpp"
#include "daemon/core/metrics.hpp"
#include "daemon/http_reply.hpp"
#include "daemon/routing.hpp"
#include "daemon/server_settings.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hookswitch {

class Session;
struct SessionHook
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {};

/// A request's bytes. Free to grow; the pool takes it back only at its usual size.
struct Buffer {
    std::unique_ptr<char[]> data;
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

class Shard {
public:
    /// How long an idle connection lives on in a drain, for requests already on their way to us.
    static constexpr std::chrono::seconds kIdleInDrain{1};

    Shard(const ServerSettings& settings, Metrics& metrics);

    /// More would keep more memory than their system calls are worth.
    static constexpr std::size_t kMostWaitingWithBuffer = 256;

    boost::asio::io_context context{1};
    const ServerSettings& settings;
    SourceMetrics& strangers;  // requests that come to no source
    std::shared_ptr<const Routing> routing;
    BufferPool buffers;
    std::size_t waiting_with_buffer = 0;  // connections that have just been busy
    HttpWriter writer;
    Throttle refusals{100, std::chrono::seconds(1)};  // lines in the log
    std::string scratch;  // a response on its way into a socket; holds nothing across a wait

    bool draining() const { return draining_; }
    void add(Session& session);
    void remove(Session& session);

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

    boost::asio::steady_timer timer_{context};
    boost::intrusive::list<SessionHook, boost::intrusive::constant_time_size<false>> sessions_;
    std::size_t count_ = 0;
    bool draining_ = false;
    bool ticking_ = true;
    std::function<void()> drained_;
};

}  // namespace hookswitch
