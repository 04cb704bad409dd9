#include "handlers/http_upstream.hpp"

#include "daemon/core/trace_context.hpp"
#include "daemon/core/units.hpp"
#include "daemon/core/worker_frame.hpp"
#include "daemon/io/log.hpp"
#include "handlers/answer_reader.hpp"
#include "handlers/http_request.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <list>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Over the longest timeout of a route, for the deadline is what counts.
constexpr auto kTimeout = std::chrono::minutes(11);

// Less than the 5 s after which Node's and uvicorn's servers close what is idle: a request that meets the
// close on its way cannot be repeated.
constexpr auto kMaxIdle = std::chrono::seconds(4);

// A name that leads elsewhere by now is noticed within this time.
constexpr auto kMaxAge = std::chrono::minutes(1);

constexpr int kGone = 410;

bool is_gone_or_overloaded(int status) { return status == 502 || status == 503 || status == 504; }

// What the service itself says of why it failed; nothing if it does not say it in our form.
std::optional<WorkerFailure> failure_in(const std::string& body) {
    const auto document = Document::parse(body);
    std::string_view message;
    if (!document || document->root()["error"]["message"].get(message)) return std::nullopt;
    auto frame = parse_answer(body);
    auto* failure = std::get_if<WorkerFailure>(&frame);
    return failure ? std::optional(std::move(*failure)) : std::nullopt;
}

std::string value_of(const HttpHeaders& headers, std::string_view name) {
    for (const auto& [key, value] : headers)
        if (key == name) return value;
    return {};
}

class HttpUpstream final : public RunningHandler, public std::enable_shared_from_this<HttpUpstream> {
public:
    HttpUpstream(HttpUpstreamSettings settings, asio::any_io_executor home, HandlerMetrics& metrics);
    ~HttpUpstream() override;

    void begin_work();

    void handle(Invocation invocation, Answer answer) override;
    bool wants_raw() const override { return settings_.raw; }
    std::size_t told_only_slots() const override { return bulkhead_->told_only_slots(); }
    void when_ready(std::function<void(bool)> done) override;
    void stop(steady_clock::time_point until, std::function<void()> done) override;

private:
    // What is known of a request when its reply comes.
    struct Flight {
        std::string id, call, trace;
        CircuitBreaker::Pass pass;
        steady_clock::time_point began, deadline;
    };

    void accept(Invocation invocation, Answer& answer);
    void begin(const Invocation& invocation, milliseconds left);
    void ended(const Flight& flight, const Result<HttpClient::Reply>& reply);
    void judge(const Flight& flight, const Result<HttpClient::Reply>& reply);
    void show_circuit(bool was_open);
    Result<Outcome> outcome_of(const Flight& flight, const Result<HttpClient::Reply>& reply);
    Result<Outcome> answer_in(const Flight& flight, const HttpClient::Reply& reply);
    Error not_asked() const;

    HttpUpstreamSettings settings_;
    asio::any_io_executor home_;
    HandlerMetrics& metrics_;
    AnswerReader answers_;
    CircuitBreaker breaker_;
    std::string last_failure_;
    std::shared_ptr<HttpClient> client_;  // null: it cannot work as it is configured
    std::shared_ptr<Bulkhead> bulkhead_;
    std::list<asio::cancellation_signal> flights_;
    bool cut_off_ = false;  // what was in flight when it had to stop
};

HttpUpstream::HttpUpstream(HttpUpstreamSettings settings, asio::any_io_executor home, HandlerMetrics& metrics)
    : settings_(std::move(settings)),
      home_(std::move(home)),
      metrics_(metrics),
      answers_(settings_.name, metrics),
      breaker_(settings_.breaker) {
    HttpClient::Settings of_client;
    of_client.ca_file = settings_.ca_file;
    of_client.timeout = kTimeout;
    of_client.connect_timeout = settings_.connect_timeout;
    of_client.max_reply = settings_.max_answer;
    of_client.use_proxy = false;  // that of the environment leads out of the house
    of_client.max_idle = kMaxIdle;
    of_client.max_age = kMaxAge;
    auto made = HttpClient::make(home_, settings_.url, std::move(of_client));
    if (made)
        client_ = std::make_shared<HttpClient>(*std::move(made));
    else
        log::error("http.unusable", kv("handler", settings_.name), kv("why", made.error().what()));
}

HttpUpstream::~HttpUpstream() {
    if (breaker_.is_open()) metrics_.circuit_open.add(-1);
}

void HttpUpstream::begin_work() {
    bulkhead_ = Bulkhead::make(settings_.bulkhead, home_, metrics_,
                               [weak = weak_from_this()](const Invocation& invocation, milliseconds left) {
                                   if (const auto self = weak.lock()) self->begin(invocation, left);
                               });
}

void HttpUpstream::handle(Invocation invocation, Answer answer) {
    asio::dispatch(home_,
                   [self = shared_from_this(), invocation = std::move(invocation),
                    answer = std::move(answer)]() mutable { self->accept(std::move(invocation), answer); });
}

void HttpUpstream::accept(Invocation invocation, Answer& answer) {
    if (!client_) return answer(fail(Errc::handler_failed, "it cannot work as it is configured"));
    // Not into the queue: it would wait there for nothing.
    if (!breaker_.admits(steady_clock::now(), wants_reply(invocation.event->kind)))
        return answer(not_asked());
    bulkhead_->accept(std::move(invocation), std::move(answer));
}

void HttpUpstream::begin(const Invocation& invocation, milliseconds left) {
    const auto now = steady_clock::now();
    const auto pass = breaker_.admit(now, wants_reply(invocation.event->kind));
    if (!pass) return bulkhead_->finished(invocation.id, not_asked());
    auto request = http_request(settings_, invocation, left);
    Flight flight{invocation.id,
                  std::string(invocation.event->call_id),
                  std::string(trace_id(value_of(request.headers, "traceparent"))),
                  *pass,
                  now,
                  invocation.deadline};
    const auto signal = flights_.emplace(flights_.end());
    // The client has to live until then.
    auto done = [self = shared_from_this(), client = client_, flight = std::move(flight), signal](
                    const std::exception_ptr& thrown, Result<HttpClient::Reply> reply) {
        self->flights_.erase(signal);
        // Thrown is what cancels it, if anything: stop() does.
        if (thrown) reply = fail(Errc::handler_failed, "it was given up");
        self->ended(flight, reply);
    };
    asio::co_spawn(home_, client_->send(std::move(request)),
                   asio::bind_cancellation_slot(signal->slot(), std::move(done)));
}

void HttpUpstream::ended(const Flight& flight, const Result<HttpClient::Reply>& reply) {
    judge(flight, reply);
    if (log::enabled(log::Level::debug)) {
        const std::chrono::duration<double, std::milli> took = steady_clock::now() - flight.began;
        log::debug("http.answered", kv("handler", settings_.name), kv("id", flight.id),
                   kv("call", flight.call), kv("status", reply ? reply->status : 0), kv("ms", took.count()),
                   kv("trace", flight.trace));
    }
    bulkhead_->finished(flight.id, outcome_of(flight, reply));
}

// Whether it is there and has room. A 500 or too long an answer is about the event.
void HttpUpstream::judge(const Flight& flight, const Result<HttpClient::Reply>& reply) {
    const bool was_open = breaker_.is_open();
    const bool answered =
        reply ? !is_gone_or_overloaded(reply->status) : reply.error() == Errc::body_too_large;
    if (answered) {
        breaker_.succeeded(flight.pass);
    } else if (cut_off_) {
        breaker_.withdrawn(flight.pass);
    } else {
        last_failure_ = reply ? "it answered " + std::to_string(reply->status) : reply.error().what();
        breaker_.failed(flight.pass, steady_clock::now());
    }
    if (breaker_.is_open() != was_open) show_circuit(was_open);
}

void HttpUpstream::show_circuit(bool was_open) {
    metrics_.circuit_open.add(was_open ? -1 : 1);
    if (was_open) return log::info("circuit.closed", kv("handler", settings_.name));
    metrics_.circuit_opened.add();
    log::warn("circuit.open", kv("handler", settings_.name), kv("why", last_failure_),
              kv("failures", settings_.breaker.failures), kv("pause_ms", settings_.breaker.pause.count()));
}

Error HttpUpstream::not_asked() const {
    return fail(Errc::handler_failed,
                "the service was not asked, for its last requests failed: " + last_failure_);
}

Result<Outcome> HttpUpstream::outcome_of(const Flight& flight, const Result<HttpClient::Reply>& reply) {
    if (reply) return answer_in(flight, *reply);
    if (cut_off_) return fail(Errc::handler_failed, "the handler was stopped");
    if (reply.error() == Errc::deadline_exceeded && steady_clock::now() >= flight.deadline) {
        metrics_.cut_off.add();
        return fail(Errc::deadline_exceeded, "no answer in time");
    }
    if (reply.error() == Errc::body_too_large)
        return fail(Errc::handler_failed, "its answer is over " + size_text(settings_.max_answer));
    return fail(Errc::handler_failed, reply.error().what());
}

// Raw, the body is the platform's business; it acknowledges told-only events with any text or none.
Result<Outcome> HttpUpstream::answer_in(const Flight& flight, const HttpClient::Reply& reply) {
    if (reply.status / 100 != 2) {
        const auto failure = settings_.raw ? std::nullopt : failure_in(reply.body);
        const bool rejected = reply.status == kGone || (failure && !failure->retry);
        return fail(rejected ? Errc::rejected : Errc::handler_failed,
                    "it answered " + std::to_string(reply.status) + (failure ? ": " + failure->message : ""));
    }
    if (!settings_.raw) return answers_.read(reply.body, flight.id, flight.call);
    if (!flight.pass.waited_for || reply.body.empty()) return Outcome{};
    const auto document = Document::parse(reply.body);
    if (!document || !document->root().is_object())
        return fail(Errc::handler_failed, "its answer is not a JSON object");
    Outcome outcome;
    outcome.raw = reply.body;
    return outcome;
}

void HttpUpstream::when_ready(std::function<void(bool)> done) {
    asio::post(home_, [done = std::move(done), ready = client_ != nullptr] { done(ready); });
}

void HttpUpstream::stop(steady_clock::time_point until, std::function<void()> done) {
    const auto cut_off = [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->cut_off_ = true;
        for (auto& flight : self->flights_) flight.emit(asio::cancellation_type::terminal);
    };
    bulkhead_->stop(until, cut_off, std::move(done));
}

}  // namespace

std::shared_ptr<RunningHandler> start_http_upstream(HttpUpstreamSettings settings, asio::any_io_executor home,
                                                    HandlerMetrics& metrics) {
    auto handler = std::make_shared<HttpUpstream>(std::move(settings), std::move(home), metrics);
    handler->begin_work();
    return handler;
}

}  // namespace hookswitch
