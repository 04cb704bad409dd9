#include "daemon/simulator/webhook_sender.hpp"

#include "daemon/core/recording.hpp"
#include "daemon/io/http_client.hpp"
#include "daemon/io/wall_clock.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <fstream>
#include <map>
#include <random>
#include <unordered_map>
#include <utility>

namespace hookswitch::simulator {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using How = DeliveryOutcome::How;

constexpr milliseconds kLongestHold{1'000};  // of a told-only delivery that waits for the next one

DeliveryOutcome outcome_of(const Result<HttpClient::Reply>& reply, Clock::duration took) {
    DeliveryOutcome outcome;
    outcome.took = took;
    if (!reply) {
        outcome.how = reply.error() == make_error_code(Errc::deadline_exceeded) ? How::late : How::failed;
        outcome.why = reply.error().what();
        return outcome;
    }
    outcome.how = reply->status / 100 == 2 ? How::answered : How::refused;
    outcome.status = reply->status;
    outcome.body = reply->body;
    return outcome;
}

}  // namespace

std::string_view name_of(EventKind kind) {
    switch (kind) {
        case EventKind::assistant_request: return "assistant-request";
        case EventKind::tool_calls: return "tool-calls";
        case EventKind::status_update: return "status-update";
        case EventKind::end_of_call_report: return "end-of-call-report";
        case EventKind::other: break;
    }
    return "";
}

std::vector<std::pair<std::string, std::string>> webhook_headers(EventKind kind, std::string_view body,
                                                                 const std::optional<SigningKey>& key,
                                                                 SignatureStyle style,
                                                                 std::string_view timestamp) {
    std::vector<std::pair<std::string, std::string>> headers;
    headers.emplace_back("Content-Type", "application/json");
    headers.emplace_back("User-Agent", "HMS-Sovereign/1.0");
    headers.emplace_back("X-Webhook-Event", name_of(kind));
    headers.emplace_back("X-Webhook-Timestamp", timestamp);
    if (!key || style == SignatureStyle::none) return headers;
    std::string hex = key->sign(timestamp, body);
    if (style == SignatureStyle::wrong) hex[0] = hex[0] == '0' ? '1' : '0';
    headers.emplace_back("X-Webhook-Signature", (style == SignatureStyle::bare ? "" : "sha256=") + hex);
    return headers;
}

struct WebhookSender::Impl : std::enable_shared_from_this<Impl> {
    struct Job {
        Delivery delivery;
        Done done;
        std::size_t attempt = 0;
        std::optional<std::string> answer, copy_answer;  // of a delivery that was sent twice
        bool twice = false;
        std::optional<asio::steady_timer> timer;
    };
    using JobPtr = std::shared_ptr<Job>;

    asio::any_io_executor executor;
    const PlaySettings settings;
    PlayReport& report;
    std::mt19937_64 random;
    std::map<std::string, HttpClient> clients;     // by peer and time limit
    std::unordered_map<std::string, JobPtr> held;  // by call
    std::ofstream recording;
    std::size_t pending = 0;  // deliveries that are not done, and copies on their way
    std::function<void()> idle;

    Impl(asio::any_io_executor e, const PlaySettings& s, PlayReport& r)
        : executor(std::move(e)), settings(s), report(r), random(s.seed) {}

    bool hit(double probability) {
        return probability > 0 && std::uniform_real_distribution<>(0, 1)(random) < probability;
    }

    milliseconds limit_of(EventKind kind) const {
        if (kind == EventKind::assistant_request) return settings.assistant_limit;
        return kind == EventKind::tool_calls ? settings.tool_limit : settings.told_limit;
    }

    HttpClient* client_for(const Delivery& delivery, std::string& why);
    void post(const Delivery& delivery, SignatureStyle style,
              std::function<void(const Result<HttpClient::Reply>&, Clock::duration)> done);
    void after(const JobPtr& job, milliseconds wait, std::function<void()> then);

    void send(JobPtr job);
    void hold(const JobPtr& job);
    void release(const std::string& call);
    void begin(const JobPtr& job);
    void attempt(const JobPtr& job);
    void send_copy(const JobPtr& job);
    void compare_copies(const Job& job);
    void conclude(const JobPtr& job, const DeliveryOutcome& outcome);
    void record(const Delivery& delivery, const DeliveryOutcome& outcome);
    void one_less();
};

HttpClient* WebhookSender::Impl::client_for(const Delivery& delivery, std::string& why) {
    const auto limit = limit_of(delivery.kind);
    const Url& url = delivery.to->url;
    const std::string name =
        std::to_string(static_cast<int>(url.scheme)) + url.peer() + " " + std::to_string(limit.count());
    if (const auto found = clients.find(name); found != clients.end()) return &found->second;
    HttpClient::Settings of_client;
    of_client.ca_file = settings.ca_file;
    of_client.timeout = limit;
    auto made = HttpClient::make(executor, url, of_client);
    if (!made) {
        why = made.error().what();
        return nullptr;
    }
    return &clients.emplace(name, *std::move(made)).first->second;
}

void WebhookSender::Impl::post(const Delivery& delivery, SignatureStyle style,
                               std::function<void(const Result<HttpClient::Reply>&, Clock::duration)> done) {
    std::string why;
    HttpClient* client = client_for(delivery, why);
    if (!client) {
        asio::post(executor, [done = std::move(done), why = std::move(why)] {
            done(fail(Errc::invalid_config, why), Clock::duration(0));
        });
        return;
    }
    const auto seconds = std::chrono::floor<std::chrono::seconds>(wall_now()).time_since_epoch().count();
    HttpClient::Request request;
    request.target = delivery.to->url.target;
    request.headers =
        webhook_headers(delivery.kind, delivery.body, delivery.to->key, style, std::to_string(seconds));
    request.body = delivery.body;
    ++pending;
    const auto began = Clock::now();
    asio::co_spawn(executor, client->send(std::move(request)),
                   [self = shared_from_this(), done = std::move(done), began](
                       const std::exception_ptr& thrown, const Result<HttpClient::Reply>& reply) {
                       if (thrown) std::rethrow_exception(thrown);  // a bug: out of the io_context's run()
                       done(reply, Clock::now() - began);
                       self->one_less();
                   });
}

void WebhookSender::Impl::after(const JobPtr& job, milliseconds wait, std::function<void()> then) {
    job->timer.emplace(executor, Clock::now() + wait);
    job->timer->async_wait(
        [self = shared_from_this(), job, then = std::move(then)](const boost::system::error_code& ec) {
            if (!ec) then();
        });
}

void WebhookSender::Impl::send(JobPtr job) {
    ++pending;
    const EventKind kind = job->delivery.kind;
    const DeliveryFaults& faults = settings.faults;
    if (hit(faults.drop)) {
        DeliveryOutcome dropped;
        dropped.how = How::dropped;
        const auto unanswered = wants_reply(kind) ? limit_of(kind) : milliseconds(0);
        dropped.took = unanswered;
        return after(job, unanswered, [this, job, dropped] {
            report.delivered(job->delivery.kind, job->delivery.call, dropped);
            job->done(dropped);
            one_less();
        });
    }
    if (!wants_reply(kind) && hit(faults.reorder)) return hold(job);
    if (hit(faults.delay)) return after(job, faults.delay_by, [this, job] { begin(job); });
    begin(job);
}

void WebhookSender::Impl::hold(const JobPtr& job) {
    release(job->delivery.call);
    held[job->delivery.call] = job;
    after(job, kLongestHold, [this, call = job->delivery.call] { release(call); });
    asio::post(executor, [self = shared_from_this(), done = std::exchange(job->done, nullptr)] {
        DeliveryOutcome outcome;
        outcome.how = How::held;
        done(outcome);
    });
}

void WebhookSender::Impl::release(const std::string& call) {
    const auto found = held.find(call);
    if (found == held.end()) return;
    const JobPtr job = std::move(found->second);
    held.erase(found);
    job->timer.reset();
    begin(job);
}

void WebhookSender::Impl::begin(const JobPtr& job) {
    if (hit(settings.faults.wrong_signature))
        post(job->delivery, SignatureStyle::wrong,
             [this, call = job->delivery.call](const Result<HttpClient::Reply>& reply, Clock::duration) {
                 report.forged(call, reply && reply->status / 100 == 2);
             });
    job->twice = hit(settings.faults.duplicate);
    attempt(job);
    if (job->twice) send_copy(job);
}

void WebhookSender::Impl::attempt(const JobPtr& job) {
    ++job->attempt;
    post(job->delivery, settings.signature,
         [this, job](const Result<HttpClient::Reply>& reply, Clock::duration took) {
             const DeliveryOutcome outcome = outcome_of(reply, took);
             const bool again = outcome.how == How::refused || outcome.how == How::failed ||
                                (outcome.how == How::late && !wants_reply(job->delivery.kind));
             if (again && job->attempt < settings.attempts)
                 return after(job, settings.attempt_delay, [this, job] { attempt(job); });
             conclude(job, outcome);
         });
}

void WebhookSender::Impl::send_copy(const JobPtr& job) {
    post(job->delivery, settings.signature,
         [this, job](const Result<HttpClient::Reply>& reply, Clock::duration) {
             job->copy_answer = reply ? std::to_string(reply->status) + reply->body : "";
             compare_copies(*job);
         });
}

void WebhookSender::Impl::compare_copies(const Job& job) {
    if (job.answer && job.copy_answer) report.duplicated(job.delivery.call, *job.answer == *job.copy_answer);
}

void WebhookSender::Impl::conclude(const JobPtr& job, const DeliveryOutcome& outcome) {
    report.delivered(job->delivery.kind, job->delivery.call, outcome);
    record(job->delivery, outcome);
    if (job->twice) {
        job->answer = outcome.status ? std::to_string(outcome.status) + outcome.body : "";
        compare_copies(*job);
    }
    release(job->delivery.call);  // what was to come later: on another connection it could still be first
    if (job->done) job->done(outcome);
    one_less();
}

void WebhookSender::Impl::one_less() {
    if (--pending == 0 && idle) asio::post(executor, std::exchange(idle, nullptr));
}

void WebhookSender::Impl::record(const Delivery& delivery, const DeliveryOutcome& outcome) {
    if (!recording.is_open()) return;
    RecordedDelivery line;
    line.received_at = wall_now() - std::chrono::duration_cast<milliseconds>(outcome.took);
    line.source = "simulate";
    line.path = delivery.to->url.target;
    line.headers.emplace_back("content-type", "application/json");
    line.headers.emplace_back("user-agent", "HMS-Sovereign/1.0");
    line.headers.emplace_back("x-webhook-event", name_of(delivery.kind));
    line.body = delivery.body;
    if (outcome.status != 0) line.reply = RecordedReply{outcome.status, outcome.body};
    recording << delivery_line(line) << '\n' << std::flush;
}

WebhookSender::WebhookSender(asio::any_io_executor executor, const PlaySettings& settings, PlayReport& report)
    : impl_(std::make_shared<Impl>(std::move(executor), settings, report)) {}

WebhookSender::~WebhookSender() = default;

Result<> WebhookSender::record_to(const std::filesystem::path& file) {
    impl_->recording.open(file, std::ios::binary | std::ios::trunc);
    if (!impl_->recording) return fail({errno, boost::system::system_category()}, "open " + file.string());
    return {};
}

void WebhookSender::send(Delivery delivery, Done done) {
    auto job = std::make_shared<Impl::Job>();
    job->delivery = std::move(delivery);
    job->done = std::move(done);
    impl_->send(std::move(job));
}

void WebhookSender::when_idle(std::function<void()> idle) {
    if (impl_->pending == 0)
        asio::post(impl_->executor, std::move(idle));
    else
        impl_->idle = std::move(idle);
}

}  // namespace hookswitch::simulator
