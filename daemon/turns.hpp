#pragma once

// A queue for work that may wait, so that it does not delay work that may not: one who waits here has a
// turn in each round of the shard's event loop, after everything that was ready. Bodies of megabytes are
// read and hashed like that, piece by piece, and strangers' requests are looked at like that: as fast as
// the shard can when nothing else is to do, and no flood of them makes a known sender wait for more than
// one piece.
//
// All on the shard's thread.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <deque>
#include <functional>

namespace hookswitch {

class Turns {
public:
    explicit Turns(boost::asio::io_context& context) : context_(context) {}

    /// Returns when it is the caller's turn, which lasts until it waits for something.
    boost::asio::awaitable<void> take();

private:
    void next();

    boost::asio::io_context& context_;
    std::deque<std::function<void()>> waiting_;
    bool posted_ = false;
};

}  // namespace hookswitch
