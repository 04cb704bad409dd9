#pragma once

// One connection of the data listener: HTTP/1.x requests in, replies out, one after another. Ours
// on top of Beast's parser, because the body is to be read straight to where it is verified and
// parsed, and an idle connection is to cost no buffer.

#include "daemon/dispatcher.hpp"
#include "daemon/io/request_head.hpp"
#include "daemon/shard.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

class Session : public SessionHook,
                public StrangerHook,
                public HolderHook,
                public std::enable_shared_from_this<Session> {
public:
    using Socket = boost::asio::generic::stream_protocol::socket;
    using Clock = std::chrono::steady_clock;

    /// `socket` belongs to the shard's context. `refused`: there are too many connections; the
    /// session only says so.
    Session(Shard& shard, Socket socket, Dispatcher& dispatcher, bool refused);

    /// Serves until the connection ends, however it ends. Throws only for bugs and lack of memory.
    boost::asio::awaitable<void> run();

    void expire_if_due(Clock::time_point now);
    void drain(Clock::time_point idle_until);
    void abort();

    /// Whoever sends on it now has proved itself: nobody is to make room for others.
    bool known() const { return known_; }
    bool refused() const { return refused_; }

    std::size_t held = 0;  // bytes of memory for bodies; the shard's

private:
    enum class Phase { idle, reading, working, writing, lingering };
    enum class Next { keep, close, close_at_once };

    // The outcome of reading a request up to where it can be verified.
    struct Request {
        RequestHead head;
        std::shared_ptr<const Routing> routing;  // what the request began with; owns `source`
        const Source* source = nullptr;
        std::optional<Address> client;  // nullopt: a Unix socket's, and no proxy gave another
        bool limited = false;           // not looked at: too many signatures of its client failed
        bool whole = false;             // the body is here
        std::optional<EventKind> kind;  // once it is parsed
        std::string_view body;          // followed by padding
        std::size_t head_size = 0;
        std::size_t size = 0;      // bytes of the buffer that are this request
        std::string chunked_body;  // owns `body` if it came in chunks
    };

    boost::asio::awaitable<bool> await_request();
    boost::asio::awaitable<bool> first_bytes();
    boost::asio::awaitable<bool> read_again();
    boost::asio::awaitable<bool> readable();
    void filled(std::size_t n);
    boost::asio::awaitable<void> give_way();
    boost::asio::awaitable<Next> serve_one();
    boost::asio::awaitable<Result<>> read_head(Request& request);
    boost::asio::awaitable<Result<>> read_body(Request& request);
    boost::asio::awaitable<Result<>> fill_up_to(std::size_t total);
    boost::asio::awaitable<Result<>> read_chunks(Request& request, std::size_t head_size);
    boost::asio::awaitable<Result<>> fill();
    Result<> grow(std::size_t most);
    Result<> admit(Request& request);
    bool limit(Request& request);
    boost::asio::awaitable<Result<VerifiedBody>> prove(Request& request);
    void has_failed(const Request& request);
    void has_proved(const Request& request, const VerifiedBody& body);
    boost::asio::awaitable<Result<>> send_continue(const Request& request);
    boost::asio::awaitable<Next> answer(Request& request);
    boost::asio::awaitable<Next> answer_probe(const Request& request);
    boost::asio::awaitable<Next> refuse(Request& request, Error why);
    boost::asio::awaitable<Next> refuse_connection();
    boost::asio::awaitable<Next> respond(HttpReply reply, const RequestHead& head);
    boost::asio::awaitable<bool> write_rest(std::string rest);
    boost::asio::awaitable<void> woken();
    void wake();
    boost::asio::awaitable<Reply> reply_to(Request& request, VerifiedBody body);
    boost::asio::awaitable<void> linger();

    void count(const Request& request, int status);
    void enter(Phase phase, std::chrono::milliseconds limit);
    void reserve(std::size_t capacity);
    void consume(std::size_t size);
    void account(std::size_t of_chunks);
    std::string_view buffered() const { return {buffer_.data.get(), size_}; }
    bool is_trusted(const Address& address) const;
    bool counts(const Request& request) const { return request.client && !is_trusted(*request.client); }
    std::string peer(const Request& request) const;

    Shard& shard_;
    Socket socket_;
    Dispatcher& dispatcher_;
    const bool refused_;
    std::optional<Address> peer_;  // of the socket; nullopt: a Unix socket's
    bool proxied_;                 // who sends is told by the request, or it is one of this machine
    bool known_;  // a signature of the sender has held, here or lately elsewhere; or it may yet be told
    bool bulky_ = false;  // the body on its way is a large one

    Phase phase_ = Phase::idle;
    Clock::time_point expires_ = Clock::time_point::max();
    bool expired_ = false;
    bool aborted_ = false;
    unsigned streak_ = 0;   // operations since the shard's other connections had one
    bool parking_ = false;  // idle for long: on its way to wait without a buffer

    Buffer buffer_;
    std::size_t size_ = 0;  // bytes in it
    HeadScanner scanner_;
    Clock::time_point filled_;                    // when the last bytes came
    Clock::time_point received_;                  // when the current request's first byte came
    std::chrono::system_clock::time_point wall_;  // the same moment
    std::optional<Reply> reply_;                  // to the current request
    std::function<void()> resume_;                // while waiting for it
};

}  // namespace hookswitch
