#include "handlers/control.hpp"

#include "daemon/io/log.hpp"
#include "handlers/reply_template.hpp"

#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;
using log::kv;

constexpr std::string_view kDone = R"({"result":"Done."})";

// The action as it could be once its templates are filled in.
std::string sample_of(dom::object action) {
    std::string out = "{";
    for (const auto [key, value] : action) {
        out += (out.size() > 1 ? "," : "") + json_string(key) + ":";
        std::string_view text;
        const bool templated = !value.get(text) && text.find("${") != std::string_view::npos;
        if (!templated || key == "type")
            append_json(out, value);
        else if (key == "destination")
            out += R"("+31201234567")";
        else
            out += key == "trigger_response" || key == "end_after" ? "true" : R"("text")";
    }
    return out + "}";
}

class ControlHandler : public Handler {
public:
    ControlHandler(std::string name, std::vector<ReplyTemplate> actions, std::optional<ReplyTemplate> reply)
        : name_(std::move(name)), actions_(std::move(actions)), reply_(std::move(reply)) {}

    void handle(Invocation invocation, Answer answer) override { answer(decide(invocation)); }

private:
    Result<Outcome> decide(const Invocation& invocation) const {
        TRY(const auto fields,
            Document::parse(to_json(invocation, invocation.attempt, std::chrono::milliseconds(0))));
        Outcome outcome;
        for (const ReplyTemplate& action : actions_) {
            auto command = parse_call_command(action.render(fields.root()));
            if (!command) return refuse(invocation, command.error());
            outcome.actions.push_back(*std::move(command));
        }
        if (reply_)
            outcome.reply = reply_->render(fields.root());
        else if (invocation.tool_call)
            outcome.reply = kDone;
        return outcome;
    }

    Result<Outcome> refuse(const Invocation& invocation, const Error& why) const {
        log::warn("action.invalid", kv("handler", name_), kv("id", invocation.id),
                  kv("call", invocation.event->call_id), kv("why", why.what()));
        if (!invocation.tool_call) return fail(Errc::rejected, why.what());
        return Outcome{"{\"error\":" + json_string("This cannot be done: " + why.what()) + "}"};
    }

    const std::string name_;
    const std::vector<ReplyTemplate> actions_;
    const std::optional<ReplyTemplate> reply_;
};

void check(const std::string& json, const std::string& key, std::vector<ReplyMistake>& mistakes) {
    const auto document = Document::parse(json);
    dom::object action;
    if (!document || document->root().get(action)) return mistakes.push_back({key, "is not a table"});
    if (const auto command = parse_call_command(sample_of(action)); !command)
        mistakes.push_back({key, command.error().what()});
}

}  // namespace

std::shared_ptr<Handler> make_control_handler(const ControlSettings& settings,
                                              std::vector<ReplyMistake>& mistakes) {
    const auto before = mistakes.size();
    std::vector<ReplyTemplate> actions;
    for (const std::string& json : settings.actions) {
        const std::string key = "actions[" + std::to_string(actions.size()) + "]";
        check(json, key, mistakes);
        actions.push_back(ReplyTemplate::compile(json, key, mistakes));
    }
    std::optional<ReplyTemplate> reply;
    if (!settings.reply.empty()) reply = ReplyTemplate::compile(settings.reply, "reply", mistakes);
    if (mistakes.size() != before) return nullptr;
    return std::make_shared<ControlHandler>(settings.name, std::move(actions), std::move(reply));
}

}  // namespace hookswitch
