#include "handlers/answer_reader.hpp"

#include "daemon/core/metrics.hpp"
#include "daemon/core/worker_frame.hpp"
#include "daemon/io/log.hpp"

#include <chrono>
#include <utility>
#include <variant>

namespace hookswitch {
namespace {

using log::kv;

// Of the same handler; enough to see what is wrong with it.
constexpr std::size_t kWarnings = 10;
constexpr auto kWarningWindow = std::chrono::seconds(10);

}  // namespace

AnswerReader::AnswerReader(std::string handler, HandlerMetrics& metrics)
    : handler_(std::move(handler)), metrics_(metrics), warnings_(kWarnings, kWarningWindow) {}

Result<Outcome> AnswerReader::read(std::string_view text, std::string_view id, std::string_view call) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return Outcome{};
    auto frame = parse_answer(text);
    if (auto* garbage = std::get_if<Garbage>(&frame))
        return fail(Errc::handler_failed, "its answer is " + garbage->why);
    if (auto* failure = std::get_if<WorkerFailure>(&frame))
        return fail(failure->retry ? Errc::handler_failed : Errc::rejected, std::move(failure->message));
    auto& answer = std::get<WorkerAnswer>(frame);
    if (!answer.id.empty() && answer.id != id)
        return fail(Errc::handler_failed, "its answer is for another event");
    report_mistakes(answer.actions, id, call);
    return Outcome{std::move(answer.reply), std::move(answer.actions.commands)};
}

void AnswerReader::report_mistakes(const CallCommands& actions, std::string_view id, std::string_view call) {
    for (const std::string& why : actions.mistakes) {
        metrics_.invalid_actions.add();
        if (const auto held_back = warnings_.pass(std::chrono::steady_clock::now()))
            log::warn("action.invalid", kv("handler", handler_), kv("id", id), kv("call", call),
                      kv("why", why), kv("suppressed", *held_back));
    }
}

}  // namespace hookswitch
