// The real session, from a socket to a dispatcher with handlers: it ends when its peer does, what it
// says is HTTP, and it says the same however the bytes arrive.
//
// Nothing here waits: the context is polled until there is nothing left to do, so an input gives the
// same run every time. A byte 0x01 stands for 66,000 spaces, more than a usual buffer holds.

#include "daemon/session.hpp"

#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/strict_http.hpp"

#include <boost/asio/co_spawn.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using fuzz::require;

// Answers tool calls at once with their arguments, everything else when asked to.
class Echo : public Handler {
public:
    void handle(Invocation invocation, Answer answer) override {
        if (!invocation.tool_call) return later_.push_back(std::move(answer));
        std::string reply = "{\"result\":";
        append_json(reply, *invocation.tool_call->arguments);
        answer(Outcome{reply + "}"});
    }
    bool answer_one() {
        if (later_.empty()) return false;
        Answer answer = std::move(later_.back());
        later_.pop_back();
        answer(Outcome{R"({"assistant":{"name":"desk"}})"});
        return true;
    }

private:
    std::vector<Answer> later_;
};

ServerSettings settings() {
    ServerSettings s;
    s.max_body = 100'000;
    s.max_head = 1024;
    s.max_headers = 12;
    return s;
}

// One shard with one connection, and the peer's end of it.
class Connection {
public:
    Connection() {
        std::array<int, 2> ends{};
        require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0,
                "a socket");
        peer_ = ends[0];
        shard_.routing = routing();
        delivery_->use(shard_.routing);
        Session::Socket socket(shard_.context, asio::generic::stream_protocol(AF_UNIX, 0), ends[1]);
        auto session = std::make_shared<Session>(shard_, std::move(socket), dispatcher_, false);
        shard_.add(*session);
        auto ended = [this, session](const std::exception_ptr& thrown) {
            require(!thrown, "a session does not throw");
            ended_ = true;
            shard_.remove(*session);
        };
        asio::co_spawn(shard_.context, session->run(), std::move(ended));
        settle();
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { ::close(peer_); }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = ::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN) return;  // it has had enough
            if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
            settle();
        }
    }

    /// All that the session said until it ended.
    std::string finish() {
        ::shutdown(peer_, SHUT_WR);
        settle();
        require(ended_, "the session ends when its peer does");
        return std::move(said_);
    }

private:
    std::shared_ptr<const Routing> routing() {
        Source open, signed_source;
        open.name = "open";
        open.path = "/webhook";
        open.signature.insecure_no_signature = true;
        signed_source.name = "signed";
        signed_source.path = "/signed";
        signed_source.signature.keys.emplace_back(Secret("s3cret"));
        Route route;
        route.settings.handler = "echo";
        route.handler = echo_;
        Routing::Handlers handlers{{"echo", {echo_, {}}}};
        return std::make_shared<const Routing>(std::vector{open, signed_source}, std::vector{route},
                                               std::move(handlers), std::chrono::minutes(10), metrics_);
    }

    void settle() {
        do {
            shard_.context.restart();
            while (shard_.context.poll() > 0) receive();
            receive();
        } while (echo_->answer_one());
    }

    void receive() {
        std::array<char, 16384> bytes;
        for (ssize_t n; (n = ::recv(peer_, bytes.data(), bytes.size(), 0)) > 0;)
            said_.append(bytes.data(), static_cast<std::size_t>(n));
    }

    const ServerSettings settings_ = settings();
    Metrics metrics_;
    Senders senders_{settings_.failed_signatures, 1};
    Shard shard_{settings_, metrics_, senders_};
    Dedupe dedupe_;
    CallRegistry calls_{metrics_.calls};
    std::shared_ptr<Echo> echo_ = std::make_shared<Echo>();
    std::shared_ptr<Outbox> outbox_ =
        std::make_shared<Outbox>(shard_.context.get_executor(), nullptr, metrics_, nullptr);
    std::shared_ptr<Delivery> delivery_ =
        std::make_shared<Delivery>(shard_.context.get_executor(), nullptr, outbox_, metrics_);
    Dispatcher dispatcher_{dedupe_, calls_, delivery_, outbox_, nullptr, metrics_};
    int peer_ = -1;
    bool ended_ = false;
    std::string said_;
};

struct Response {
    int status = 0;
    bool duplicate = false, closes = false;
    std::string body;
    bool operator==(const Response&) const = default;
};

Response take_response(std::string_view& said) {
    const auto line = fuzz::take_line(said);
    require(line && line->starts_with("HTTP/1.1 ") && line->size() > 13, "a status line");
    Response response;
    response.status = std::stoi(std::string(line->substr(9, 3)));
    const auto fields = fuzz::take_fields(said);
    require(fields.has_value(), "fields and an empty line");
    std::size_t length = 0;
    for (const auto& [name, value] : *fields) {
        if (name == "content-length") length = std::stoul(std::string(value));
        if (name == "x-hookswitch-duplicate") response.duplicate = true;
        if (name == "connection" && value == "close") response.closes = true;
    }
    if (!said.starts_with('{')) return response;  // to HEAD, or 100
    require(said.size() >= length, "the whole body");
    response.body = said.substr(0, length);
    require(Document::parse(response.body).has_value(), "a body of JSON");
    said.remove_prefix(length);
    return response;
}

std::vector<Response> responses_to(std::string_view bytes, std::uint8_t how) {
    Connection connection;
    fuzz::in_pieces(bytes, how, [&](std::string_view piece) { connection.send(piece); });
    const std::string said = connection.finish();
    std::vector<Response> all;
    for (std::string_view rest = said; !rest.empty();) {
        require(all.empty() || !all.back().closes, "nothing follows the last response");
        if (auto response = take_response(rest); response.status != 100) all.push_back(std::move(response));
    }
    return all;
}

// A request that is refused by its head leaves the connection open only if its body has already come;
// so there, and only there, the number of responses may differ.
void require_same(const std::vector<Response>& whole, const std::vector<Response>& cut) {
    const auto& shorter = whole.size() < cut.size() ? whole : cut;
    for (std::size_t i = 0; i < shorter.size(); ++i) {
        const bool early = whole[i].status == 404 || whole[i].status == 405 || whole[i].status == 401;
        if (early && whole[i].status == cut[i].status) {
            if (whole[i].closes != cut[i].closes) return;
            continue;
        }
        require(whole[i] == cut[i], "pieces do not change a response");
    }
    require(whole.size() == cut.size(), "pieces do not change the number of responses");
}

std::string expanded(std::string_view input) {
    std::string bytes(input);
    if (const auto at = bytes.find('\1'); at != bytes.npos) bytes.replace(at, 1, 66'000, ' ');
    return bytes;
}

}  // namespace
}  // namespace hookswitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace hookswitch;
    if (size == 0) return 0;
    const auto bytes = expanded(fuzz::text_of(data + 1, size - 1));
    // A large body byte by byte would be a minute's work.
    const auto how = bytes.size() > 60'000 ? std::max<std::uint8_t>(data[0], 200) : data[0];
    const auto whole = responses_to(bytes, 255), cut = responses_to(bytes, how);
    if (!fuzz::leaves_a_quote_open(bytes)) require_same(whole, cut);
    return 0;
}
