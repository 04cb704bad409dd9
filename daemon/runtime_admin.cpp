// What the runtime shows of itself: the admin listener, and figures of the configuration.

#include "daemon/io/log.hpp"
#include "daemon/io/wall_clock.hpp"
#include "daemon/runtime.hpp"

#include <utility>

namespace hookswitch {

using log::kv;

Result<> Runtime::start_admin() {
    if (!config_.admin) return {};
    AdminView view{metrics_, [this] { return not_ready(); }, std::nullopt, nullptr, calls_, nullptr, nullptr};
    view.control = [this](std::string call, CallCommand command, AdminView::Controlled done) {
        return control(std::move(call), std::move(command), std::move(done));
    };
    view.pending_actions = [this](std::string_view call) { return outbox_->pending(call); };
    if (journal_) {
        view.journal = journal_->settings().path;
        view.redeliver_soon = [this] { journal_->look_for_redeliveries(); };
    }
    TRY(admin_, Admin::start(server_.home(), *config_.admin, std::move(view)));
    return {};
}

// What an operator wants of a call. False: there is no [platform].
bool Runtime::control(std::string call, CallCommand command, AdminView::Controlled done) {
    if (!config_.platform) return false;
    outbox_->send({std::move(call), std::move(command), "operator", {}}, std::move(done));
    return true;
}

// A token goes with its address: without a restart, that of another address is not for this one.
void Runtime::reload_admin(const std::optional<AdminSettings>& settings) {
    if (settings.has_value() != (admin_ != nullptr) ||
        (admin_ && settings->listen != admin_->settings().listen))
        log::warn("reload.needs_restart", kv("section", "admin"),
                  kv("why", "changes of listen in [admin] need a restart"));
    else if (admin_)
        admin_->use(settings->token);
}

std::vector<std::string> Runtime::not_ready() {
    std::vector<std::string> reasons;
    if (stopping_) reasons.emplace_back("draining: the daemon is being stopped");
    if (const auto failure = journal_ ? journal_->failure() : std::nullopt)
        reasons.push_back("journal: " + *failure);
    else if (journal_ && !delivery_->resumed())
        reasons.emplace_back("deliveries: what the journal has for them cannot be read yet");
    for (const HandlerConfig& h : config_.handlers)
        if (std::holds_alternative<WorkerSettings>(h.handler) &&
            metrics_.handler(h.name).workers_up.value() <= 0)
            reasons.push_back("handler " + h.name + ": none of its worker processes is up");
    return reasons;
}

void Runtime::count_configuration(const Config& before) {
    for (const HandlerConfig& h : before.handlers) metrics_.handler(h.name).workers_configured.set(0);
    for (const HandlerConfig& h : config_.handlers)
        if (const auto* settings = std::get_if<WorkerSettings>(&h.handler))
            metrics_.handler(h.name).workers_configured.set(settings->workers);
    metrics_.reloads.last_succeeded.set(1);
    const auto now = wall_now();
    metrics_.reloads.last_success_at_ms.set(now.time_since_epoch().count());
}

void Runtime::count_failed_reload() {
    metrics_.reloads.failed.add();
    metrics_.reloads.last_succeeded.set(0);
}

}  // namespace hookswitch
