#include "handlers/plugin_threads.hpp"

#include "daemon/core/json.hpp"
#include "handlers/plugin.hpp"

#include <boost/asio/post.hpp>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxAnswer = std::size_t{4} << 20;  // as a worker's line

std::atomic<std::size_t> running{0};
thread_local const PluginJob* job_here = nullptr;

std::string text_or_nothing(std::optional<std::string_view> text) { return std::string(text.value_or("")); }

std::string arguments_of(const ToolCall* call) {
    return call && call->arguments ? simdjson::minify(*call->arguments) : std::string();
}

// What the plugin gets of an event; it knows the address of the first part.
struct EventForPlugin : hookswitch_event {
    explicit EventForPlugin(const PluginJob& job) : hookswitch_event{}, deadline(job.deadline) {
        size = sizeof(hookswitch_event);
        attempt = job.attempt;
        id = job.id.c_str();
        type = job.type.c_str();
        source = job.source.c_str();
        call_id = job.call.c_str();
        caller = job.caller.c_str();
        called = job.called.c_str();
        tool = job.tool.c_str();
        arguments = job.arguments.c_str();
        json = job.json.c_str();
        json_length = job.json.size();
        left_ms = [](const hookswitch_event* event) -> std::int64_t {
            const auto left = static_cast<const EventForPlugin*>(event)->deadline - steady_clock::now();
            return std::max<std::int64_t>(std::chrono::duration_cast<milliseconds>(left).count(), 0);
        };
    }

    const steady_clock::time_point deadline;
};

// Where its answer goes.
struct AnswerOfPlugin : hookswitch_answer {
    AnswerOfPlugin() : hookswitch_answer{} {
        size = sizeof(hookswitch_answer);
        json = [](hookswitch_answer* answer, const char* given) { self(answer).take(given ? given : ""); };
        result = [](hookswitch_answer* answer, const char* given) {
            std::string whole = R"({"reply":{"result":)";
            append_json_string(whole, given ? given : "");
            self(answer).take(whole + "}}");
        };
        fail = [](hookswitch_answer* answer, const char* why, int retry) {
            std::string whole = R"({"error":{"message":)";
            append_json_string(whole, why ? why : "");
            self(answer).take(whole + (retry ? R"(,"retry":true}})" : R"(,"retry":false}})"));
        };
    }

    static AnswerOfPlugin& self(hookswitch_answer* answer) { return *static_cast<AnswerOfPlugin*>(answer); }

    void take(std::string_view answer_text) {
        too_long = answer_text.size() > kMaxAnswer;
        text = too_long ? std::string_view() : answer_text;
    }

    std::string text;
    bool too_long = false;
};

}  // namespace

// ---- threads

void WayHome::post(std::function<void()> f) {
    const std::lock_guard lock(mutex_);
    if (home_) asio::post(*home_, std::move(f));
}

void WayHome::cut() {
    const std::lock_guard lock(mutex_);
    home_.reset();
}

bool run_apart(std::shared_ptr<WayHome> way, std::function<void()> work, std::function<void()> done) {
    ++running;
    try {
        std::thread([way = std::move(way), work = std::move(work), done = std::move(done)]() mutable {
            ::pthread_setname_np(::pthread_self(), "plugin");
            work();
            work = nullptr;
            --running;  // first: whoever hears of its end may end the process
            way->post(std::move(done));
        }).detach();
        return true;
    } catch (const std::system_error&) {
        --running;
        return false;
    }
}

std::size_t plugin_threads_running() { return running; }

// ---- events

const PluginJob* plugin_job_here() { return job_here; }

PluginJob::PluginJob(const Invocation& invocation, milliseconds left)
    : id(invocation.id),
      type(invocation.event->type),
      source(invocation.source),
      call(invocation.event->call_id),
      caller(text_or_nothing(invocation.event->caller)),
      called(text_or_nothing(invocation.event->called)),
      tool(invocation.tool_call ? invocation.tool_call->name : std::string_view()),
      arguments(arguments_of(invocation.tool_call)),
      json(to_json(invocation, invocation.attempt, left)),
      attempt(static_cast<std::uint32_t>(invocation.attempt)),
      deadline(invocation.deadline) {}

PluginThreads::PluginThreads(std::shared_ptr<PluginLibrary> library, std::shared_ptr<WayHome> way,
                             Owner owner)
    : library_(std::move(library)), way_(std::move(way)), owner_(std::move(owner)) {}

bool PluginThreads::add_thread() {
    const auto given_up = std::make_shared<bool>(false);
    return run_apart(
        way_, [self = shared_from_this(), given_up] { *given_up = !self->serve(); },
        [self = shared_from_this(), given_up] { self->owner_.ended(*given_up); });
}

void PluginThreads::give(std::shared_ptr<PluginJob> job) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(job));
    }
    changed_.notify_one();
}

bool PluginThreads::take_back(const std::shared_ptr<PluginJob>& job) {
    const std::lock_guard lock(mutex_);
    return std::erase(waiting_, job) > 0;
}

bool PluginThreads::give_up(const std::shared_ptr<PluginJob>& job) {
    const std::lock_guard lock(mutex_);
    if (job->state == PluginJob::State::done) return false;
    job->state = PluginJob::State::given_up;
    return true;
}

void PluginThreads::end() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
}

std::shared_ptr<PluginJob> PluginThreads::next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (ending_) return nullptr;
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    job->state = PluginJob::State::running;
    return job;
}

// False: the job was given up meanwhile.
bool PluginThreads::leave(PluginJob& job) {
    const std::lock_guard lock(mutex_);
    if (job.state == PluginJob::State::given_up) return false;
    job.state = PluginJob::State::done;
    return true;
}

// False: it was given up.
bool PluginThreads::serve() {
    while (const auto job = next()) {
        auto text = work_at(*job);
        if (!leave(*job)) return false;
        way_->post([self = shared_from_this(), job, text = std::move(text)]() mutable {
            self->owner_.answered(job->id, std::move(text));
        });
    }
    return true;
}

Result<std::string> PluginThreads::work_at(const PluginJob& job) {
    const EventForPlugin event(job);
    AnswerOfPlugin answer;
    job_here = &job;
    auto done = library_->handle(event, answer);
    job_here = nullptr;
    if (!done) return done.error();
    if (answer.too_long) return fail(Errc::handler_failed, "its answer is longer than 4 MiB");
    return std::move(answer.text);
}

}  // namespace hookswitch
