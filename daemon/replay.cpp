#include "daemon/io/terminal_line.hpp"
#include "daemon/replay_queue.hpp"
#include "daemon/replay_report.hpp"
#include "daemon/replay_source.hpp"

#include "daemon/commands.hpp"
#include "daemon/core/event.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <exception>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLookAhead = 64;  // deliveries in memory, or four for each one in flight

// When each delivery is due. An open loop: a slow reply does not put off those that follow.
class Pace {
public:
    explicit Pace(const cli::Replay& args) : rate_(args.rate), speed_(args.speed) {}

    std::optional<Clock::time_point> due(const Recorded& recorded, Clock::time_point now) {
        if (sent_++ == 0) start_ = now;
        if (rate_) return start_ + in_clock(static_cast<double>(sent_ - 1) / *rate_);
        const auto& at = recorded.delivery.received_at;
        if (!speed_ || !at) return std::nullopt;
        if (!first_at_ || recorded.file != file_) {  // each recording begins when the one before has ended
            file_ = recorded.file;
            first_at_ = *at;
            start_ = now;
        }
        return start_ + in_clock(std::chrono::duration<double>(*at - *first_at_).count() / *speed_);
    }

private:
    static Clock::duration in_clock(double seconds) {
        return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    }

    std::optional<double> rate_, speed_;
    std::size_t sent_ = 0, file_ = 0;
    std::optional<Milliseconds> first_at_;
    Clock::time_point start_;
};

std::string lower_case(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

// Recorded fields that were about that connection or that moment, or that are written anew.
bool is_of_its_time(const std::string& name) {
    static constexpr std::array<std::string_view, 15> kNames{"host",
                                                             "content-length",
                                                             "transfer-encoding",
                                                             "connection",
                                                             "keep-alive",
                                                             "te",
                                                             "trailer",
                                                             "upgrade",
                                                             "expect",
                                                             "accept-encoding",
                                                             "proxy-connection",
                                                             "proxy-authorization",
                                                             "x-webhook-event",
                                                             "x-webhook-timestamp",
                                                             "x-webhook-signature"};
    return std::find(kNames.begin(), kNames.end(), lower_case(name)) != kNames.end();
}

// Adds what the body says; a recorded event type goes first, for bodies that cannot be read.
PendingDelivery describe(Recorded recorded) {
    PendingDelivery pending;
    if (const auto event = parse_event(recorded.delivery.body)) {
        pending.call = event->call_id;
        pending.event = event->type;
    }
    for (const auto& [name, value] : recorded.delivery.headers)
        if (lower_case(name) == "x-webhook-event") pending.event = value;
    pending.recorded = std::move(recorded);
    return pending;
}

class Replay {
public:
    Replay(const cli::Replay& args, const Console& console, SigningKey key, RecordingReader reader,
           HttpClient client, asio::io_context& ctx)
        : args_(args),
          console_(console),
          key_(std::move(key)),
          reader_(std::move(reader)),
          client_(std::move(client)),
          pace_(args),
          queue_(ctx.get_executor(), std::max(kLookAhead, 4 * args.concurrency)),
          report_(args.compare) {}

    asio::awaitable<void> run();
    /// Prints the outcome; returns the exit status.
    int conclude();

private:
    asio::awaitable<void> deliver_all();
    asio::awaitable<void> feed();
    asio::awaitable<void> lane();
    asio::awaitable<void> show_progress();
    HttpClient::Request request_for(const PendingDelivery& delivery) const;

    const cli::Replay& args_;
    const Console& console_;
    SigningKey key_;
    RecordingReader reader_;
    HttpClient client_;
    Pace pace_;
    ReplayQueue queue_;
    ReplayReport report_;
    Clock::time_point started_ = Clock::now();
    TerminalLine progress_{console_.err, console_.progress};
    bool interrupted_ = false;
    std::optional<std::string> broken_;  // why it could not begin, or not go on
};

HttpClient::Request Replay::request_for(const PendingDelivery& pending) const {
    const RecordedDelivery& delivery = pending.recorded.delivery;
    const bool own_path = args_.to.target == "/" && !delivery.path.empty();
    HttpClient::Request request;
    request.target = own_path ? delivery.path : args_.to.target;
    request.headers = signed_headers(key_, std::to_string(unix_seconds_now()), pending.event, delivery.body);
    bool typed = false;
    for (const auto& field : delivery.headers) {
        typed = typed || lower_case(field.first) == "content-type";
        if (!is_of_its_time(field.first)) request.headers.push_back(field);
    }
    if (!typed) request.headers.emplace_back("Content-Type", "application/json");
    request.body = delivery.body;
    return request;
}

// Reads ahead, a little, and hands over each delivery when its time has come.
asio::awaitable<void> Replay::feed() {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        auto next = reader_.next();
        if (!next) {
            broken_ = next.error().what() + ": nothing that was still waiting has been sent";
            queue_.abandon();
            co_return;
        }
        if (!*next) break;
        auto pending = describe(**std::move(next));
        pending.due = pace_.due(pending.recorded, Clock::now());
        if (pending.due) {
            timer.expires_at(*pending.due);
            co_await timer.async_wait(asio::use_awaitable);
        }
        co_await queue_.push(std::move(pending));
    }
    queue_.close();
}

asio::awaitable<void> Replay::lane() {
    while (auto taken = co_await queue_.take()) {
        const std::string& place = taken->recorded.place;
        auto request = request_for(*taken);
        const auto sent_at = Clock::now();
        report_.sent(taken->due ? sent_at - *taken->due : Clock::duration(0));
        const auto reply = co_await client_.send(std::move(request));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (!reply && state.cancelled() != asio::cancellation_type::none) co_return;  // given up, not failed
        if (reply)
            report_.answered(place, taken->recorded.delivery, *reply, Clock::now() - sent_at);
        else if (reply.error() != asio::error::operation_aborted)  // given up for an interrupt
            report_.unanswered(place, no_reply_because(reply.error()));
        queue_.done(*taken);
    }
}

asio::awaitable<void> Replay::deliver_all() {
    // Who is not there at all is told so once, not for every delivery.
    if (auto connected = co_await client_.connect(); !connected) {
        broken_ = no_reply_because(connected.error());
        co_return;
    }
    const auto executor = co_await asio::this_coro::executor;
    std::vector<decltype(asio::co_spawn(executor, feed(), asio::deferred))> parts;
    parts.push_back(asio::co_spawn(executor, feed(), asio::deferred));
    for (std::size_t i = 0; i < args_.concurrency; ++i)
        parts.push_back(asio::co_spawn(executor, lane(), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(parts));
    const auto [order, thrown] =
        co_await group.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
    for (const std::size_t part : order)
        if (thrown[part]) std::rethrow_exception(thrown[part]);
}

asio::awaitable<void> Replay::show_progress() {
    using namespace std::chrono_literals;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (auto next = started_ + 1s;; next += 250ms) {
        timer.expires_at(next);
        co_await timer.async_wait(asio::use_awaitable);
        if (!progress_.watched()) continue;
        const std::chrono::duration<double> passed = Clock::now() - started_;
        progress_.show(fmt::format("{} sent, {:.0f}/s, {} errors", report_.sent(),
                                   static_cast<double>(report_.sent()) / passed.count(), report_.errors()));
    }
}

asio::awaitable<void> Replay::run() {
    const auto executor = co_await asio::this_coro::executor;
    asio::signal_set interrupt(executor, SIGINT);
    auto all = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, deliver_all(), asio::deferred), interrupt.async_wait(asio::deferred),
        asio::co_spawn(executor, show_progress(), asio::deferred));
    // Whichever ends first ends the others: an interrupt gives up what is in flight.
    const auto [order, thrown, signal_error, signal, progress_thrown] =
        co_await all.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    interrupted_ = order[0] == 1;
    if (order[0] == 0 && thrown) std::rethrow_exception(thrown);
    if (order[0] == 2) std::rethrow_exception(progress_thrown);
}

int Replay::conclude() {
    const auto duration = Clock::now() - started_;
    progress_.clear();
    if (interrupted_) broken_ = "interrupted";
    if (broken_) report_.stopped(*broken_);
    if (args_.json)
        console_.out << report_.as_json(duration);
    else if (report_.sent() > 0)
        console_.out << report_.as_text(duration);
    console_.out << std::flush;
    if (broken_)
        complain(console_, "replay: " + *broken_);
    else if (report_.sent() == 0)
        complain(console_, "replay: nothing to send: there is no delivery in what was given");
    else if (report_.nothing_compared())
        complain(console_, "replay: nothing to compare with: no delivery has a recorded reply");
    return interrupted_ ? kInterrupted : report_.good() ? 0 : 1;
}

}  // namespace

int run(const cli::Replay& args, const Console& console) {
    auto key = read_secret(args.secret_file, console.in);
    if (!key) return complain(console, "replay: " + key.error().what());
    auto reader = RecordingReader::open(args.recordings, console.in);
    if (!reader) return complain(console, "replay: " + reader.error().what());
    asio::io_context ctx(1);
    auto client = HttpClient::make(ctx.get_executor(), args.to, args.client);
    if (!client) return complain(console, "replay: " + client.error().what());
    Replay replay(args, console, *std::move(key), *std::move(reader), *std::move(client), ctx);
    asio::co_spawn(ctx, replay.run(), [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);  // out of ctx.run()
    });
    ctx.run();
    return replay.conclude();
}

}  // namespace hookswitch
