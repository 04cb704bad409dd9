#include "handlers/exec.hpp"

#include "daemon/io/log.hpp"
#include "handlers/answer_reader.hpp"
#include "handlers/exec_process.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// Lines of standard error, of all processes of a handler together.
constexpr std::size_t kErrorLinesPerSecond = 100;

// The kernel starts no program with an argument or variable of more than 128 KiB, and what a caller or a
// model made up must not decide whether the program starts.
constexpr std::size_t kMaxVariable = 4096;

class ExecHandler final : public RunningHandler, public std::enable_shared_from_this<ExecHandler> {
public:
    ExecHandler(ExecSettings settings, asio::any_io_executor home, HandlerMetrics& metrics);
    ~ExecHandler() override;

    void open();

    void handle(Invocation invocation, Answer answer) override;
    std::size_t told_only_slots() const override { return bulkhead_->told_only_slots(); }
    void when_ready(std::function<void(bool)> done) override;
    void stop(std::chrono::steady_clock::time_point until, std::function<void()> done) override;

private:
    void begin(const Invocation& invocation, milliseconds left);
    ExecProcess::Job job_for(const Invocation& invocation, milliseconds left) const;
    ExecProcess::Owner owner_of(const Invocation& invocation);
    void ended(const std::string& id, const std::string& call, Result<std::string> output);

    ExecSettings settings_;
    asio::any_io_executor home_;
    HandlerMetrics& metrics_;
    std::shared_ptr<Throttle> error_rate_;
    AnswerReader answers_;
    std::shared_ptr<Bulkhead> bulkhead_;
    std::unordered_map<std::string, std::shared_ptr<ExecProcess>> running_;  // by the id of the event
};

ExecHandler::ExecHandler(ExecSettings settings, asio::any_io_executor home, HandlerMetrics& metrics)
    : settings_(std::move(settings)),
      home_(std::move(home)),
      metrics_(metrics),
      error_rate_(ErrorLines::at_most(kErrorLinesPerSecond)),
      answers_(settings_.name, metrics) {}

void ExecHandler::open() {
    bulkhead_ = Bulkhead::make(settings_.bulkhead, home_, metrics_,
                               [weak = weak_from_this()](const Invocation& invocation, milliseconds left) {
                                   if (const auto self = weak.lock()) self->begin(invocation, left);
                               });
}

ExecHandler::~ExecHandler() {
    for (const auto& [id, process] : running_) process->abandon();
}

void ExecHandler::handle(Invocation invocation, Answer answer) {
    asio::dispatch(home_, [self = shared_from_this(), invocation = std::move(invocation),
                           answer = std::move(answer)]() mutable {
        self->bulkhead_->accept(std::move(invocation), std::move(answer));
    });
}

// There is nothing to wait for: whether its program is there was seen when the configuration was read.
void ExecHandler::when_ready(std::function<void(bool)> done) {
    asio::post(home_, [done = std::move(done)] { done(true); });
}

void ExecHandler::stop(std::chrono::steady_clock::time_point until, std::function<void()> done) {
    const auto cut_off = [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        for (const auto& [id, process] : self->running_) process->kill("the handler was stopped");
    };
    bulkhead_->stop(until, cut_off, std::move(done));
}

void ExecHandler::begin(const Invocation& invocation, milliseconds left) {
    const std::string id = invocation.id;
    auto process = ExecProcess::start(job_for(invocation, left), home_, error_rate_, owner_of(invocation));
    if (process)
        running_.emplace(id, *std::move(process));
    else
        bulkhead_->finished(id, fail(Errc::handler_failed, process.error().what()));
}

// What a shell script can tell events apart by. Unknown values have no variable.
std::map<std::string, std::string> about(const Invocation& invocation, milliseconds left) {
    std::map<std::string, std::string> variables;
    const auto set = [&](std::string_view name, std::optional<std::string_view> value) {
        const bool fits = value && !value->empty() && value->size() <= kMaxVariable &&
                          value->find('\0') == std::string_view::npos;
        if (fits) variables.emplace("HOOKSWITCH_" + std::string(name), *value);
    };
    const Event& event = *invocation.event;
    set("EVENT_ID", invocation.id);
    set("EVENT_TYPE", event.type);
    set("ATTEMPT", std::to_string(invocation.attempt));
    set("DEADLINE_MS", std::to_string(left.count()));
    set("CALL_ID", event.call_id);
    set("CALLER", event.caller);
    set("CALLED", event.called);
    set("STATUS", event.status);
    if (invocation.tool_call) set("TOOL", invocation.tool_call->name);
    return variables;
}

ExecProcess::Job ExecHandler::job_for(const Invocation& invocation, milliseconds left) const {
    auto variables = about(invocation, left);
    variables.insert(settings_.environment.begin(), settings_.environment.end());  // where there is none
    ExecProcess::Job job;
    job.command = {settings_.command, settings_.directory, std::move(variables), settings_.inherit};
    job.input = to_json(invocation, invocation.attempt, left) + '\n';
    job.max_output = settings_.max_output;
    job.left = left;
    job.handler = settings_.name;
    job.id = invocation.id;
    job.call = invocation.event->call_id;
    return job;
}

ExecProcess::Owner ExecHandler::owner_of(const Invocation& invocation) {
    ExecProcess::Owner owner;
    owner.cut_off = [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->metrics_.cut_off.add();
    };
    owner.ended = [weak = weak_from_this(), id = invocation.id,
                   call = std::string(invocation.event->call_id)](Result<std::string> output) {
        if (const auto self = weak.lock()) self->ended(id, call, std::move(output));
    };
    return owner;
}

void ExecHandler::ended(const std::string& id, const std::string& call, Result<std::string> output) {
    running_.erase(id);
    if (output)
        bulkhead_->finished(id, answers_.read(*output, id, call));
    else
        bulkhead_->finished(id, std::move(output).error());
}

}  // namespace

std::shared_ptr<RunningHandler> start_exec_handler(ExecSettings settings, asio::any_io_executor home,
                                                   HandlerMetrics& metrics) {
    auto handler = std::make_shared<ExecHandler>(std::move(settings), std::move(home), metrics);
    handler->open();
    return handler;
}

}  // namespace hookswitch
