#include "daemon/core/metrics.hpp"

#include "daemon/core/call_command.hpp"
#include "daemon/core/call_state.hpp"

#include <charconv>
#include <utility>

namespace hookswitch {
namespace {

using namespace std::string_view_literals;

// In the order of ByEvent, AttemptOutcome and JournalFailure.
constexpr std::array kEvents{
    ""sv, "assistant-request"sv, "tool-calls"sv, "status-update"sv, "end-of-call-report"sv, "other"sv};
constexpr std::array kOutcomes{"delivered"sv, "failed"sv, "dead"sv};
constexpr std::array kFailures{"full"sv, "read-only"sv, "locked"sv, "io"sv, "corrupted"sv, "other"sv};
constexpr std::size_t kFirstWaitedFor = 1, kLastWaitedFor = 2;  // of kEvents

// ActionOutcome, in its order.
constexpr std::array<std::string_view, ActionMetrics::kOutcomes> kActionOutcomes{"sent", "refused", "failed",
                                                                                 "expired", "dropped"};

std::string text_of(std::integral auto number) { return std::to_string(number); }

std::string text_of(double number) {
    std::array<char, 400> text{};  // any double
    return {text.data(),
            std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed).ptr};
}

std::string label(std::string_view name, std::string_view value) {
    std::string text = std::string(name) + "=\"";
    for (const char c : value) {
        if (c == '\\' || c == '"') text += '\\';
        c == '\n' ? text += "\\n" : text += c;
    }
    return text + '"';
}

double seconds(std::int64_t ms) { return static_cast<double>(ms) / 1000; }

template <class H>
std::uint64_t count_of(const H& histogram) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= H::kBounds.size(); ++i) count += histogram.count(i);
    return count;
}

}  // namespace

class MetricsText {
public:
    MetricsText(const Metrics& metrics, std::chrono::system_clock::time_point now)
        : all_(metrics),
          now_ms_(std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count()) {}

    std::string text() && {
        process();
        requests();
        calls();
        answers();
        deliveries();
        actions();
        workers();
        slots();
        journal();
        return std::move(out_);
    }

private:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = "hookswitch_" + std::string(name);
        out_.append("# HELP ").append(name_).append(" ").append(help);
        out_.append("\n# TYPE ").append(name_).append(" ").append(type).append("\n");
    }
    void line(std::string_view suffix, std::string_view labels, std::string_view value) {
        out_.append(name_).append(suffix);
        if (!labels.empty()) out_.append("{").append(labels).append("}");
        out_.append(" ").append(value).append("\n");
    }
    void sample(std::string_view labels, const auto& metric) { line("", labels, text_of(metric.value())); }
    void sample(std::string_view labels, double value) { line("", labels, text_of(value)); }
    template <const auto& B>
    void sample(std::string_view labels, const Histogram<B>& histogram) {
        const std::string prefix = labels.empty() ? "" : std::string(labels) + ',';
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i <= B.size(); ++i) {
            sum += histogram.count(i);
            line("_bucket", prefix + label("le", i < B.size() ? text_of(B[i]) : "+Inf"), text_of(sum));
        }
        line("_sum", labels, text_of(histogram.sum()));
        line("_count", labels, text_of(sum));
    }
    void one(std::string_view name, std::string_view type, std::string_view help, const auto& metric) {
        family(name, type, help);
        sample("", metric);
    }

    // One family; `each(labels, metrics)` adds the samples of one source or handler.
    void by_source(std::string_view name, std::string_view help, auto each) {
        family(name, "counter", help);
        all_.sources_.for_each(
            [&](std::string_view n, const SourceMetrics& m) { each(label("source", n), m); });
    }
    void by_handler(std::string_view name, std::string_view type, std::string_view help, auto each) {
        family(name, type, help);
        all_.handlers_.for_each([&](std::string_view n, const HandlerMetrics& m) {
            if (!n.empty()) each(label("handler", n), m);
        });
    }
    // For by_handler: one of its numbers, of the handlers that have `only`.
    auto each(auto HandlerMetrics::*member, Gauge HandlerMetrics::*only = nullptr) {
        return [this, member, only](const std::string& handler, const HandlerMetrics& m) {
            if (!only || (m.*only).value() > 0) sample(handler, m.*member);
        };
    }
    // What there is of each waited-for kind; `member` is a ByEvent. Those that never came are left out.
    template <class T>
    void by_waited_for(std::string_view name, std::string_view type, std::string_view help,
                       ByEvent<T> HandlerMetrics::*member) {
        family(name, type, help);
        all_.handlers_.for_each([&](std::string_view n, const HandlerMetrics& m) {
            for (std::size_t i = kFirstWaitedFor; i <= kLastWaitedFor; ++i)
                if (count_of(m.answer_seconds.at_index(i)) > 0)
                    sample(label("event", kEvents[i]) + ',' + label("handler", n), (m.*member).at_index(i));
        });
    }

    void process();
    void requests();
    void calls();
    void answers();
    void deliveries();
    void actions();
    void workers();
    void slots();
    void journal();

    const Metrics& all_;
    const std::int64_t now_ms_;
    std::string out_, name_;
};

void MetricsText::process() {
    family("build_info", "gauge", "Always 1; the version is a label.");
    sample(label("version", HOOKSWITCH_VERSION), 1.0);
    one("start_time_seconds", "gauge", "When the daemon was started, since the epoch.",
        seconds(all_.started_at_ms.value()));
    family("config_reloads_total", "counter", "Reloads of the configuration by result.");
    sample(label("result", "success"), all_.reloads.succeeded);
    sample(label("result", "failure"), all_.reloads.failed);
    one("config_last_reload_successful", "gauge", "Whether the configuration file is the one in force.",
        all_.reloads.last_succeeded);
    one("config_last_reload_success_timestamp_seconds", "gauge", "When the configuration in force was read.",
        seconds(all_.reloads.last_success_at_ms.value()));
    one("connections", "gauge", "Open connections of the data listener.", all_.connections.open);
    one("connections_accepted_total", "counter", "Connections accepted.", all_.connections.accepted);
    one("connections_refused_total", "counter", "Connections over server.max_connections, answered with 503.",
        all_.connections.refused);
    one("connections_evicted_total", "counter",
        "Connections closed to make room for others; nothing signed had come on them.",
        all_.connections.evicted);
    one("body_memory_bytes", "gauge", "Memory of bodies over 64 KiB that are on their way.",
        all_.connections.body_bytes);
}

void MetricsText::requests() {
    by_source(
        "requests_total",
        "Requests by source, event and status; without an event: refused before it was read.",
        [this](const std::string& source, const SourceMetrics& m) {
            for (std::size_t e = 0; e < kEvents.size(); ++e)
                for (std::size_t s = 0; s < ByStatus::kStatuses.size(); ++s) {
                    const Counter& counter = m.requests.at_index(e).at_index(s);
                    const int status = ByStatus::kStatuses[s];
                    if (counter.value() == 0 && (e == 0 || status != 200)) continue;
                    if (counter.value() == 0 && source == "source=\"\"") continue;
                    sample(source + ',' + label("event", kEvents[e]) + ',' + label("status", text_of(status)),
                           counter);
                }
        });
    by_source("duplicates_total", "Deliveries that came again, and got the first answer.",
              [this](const std::string& source, const SourceMetrics& m) {
                  if (source == "source=\"\"") return;
                  for (std::size_t e = 1; e < kEvents.size(); ++e)
                      sample(source + ',' + label("event", kEvents[e]), m.duplicates.at_index(e));
              });
    by_source("rejected_signatures_total", "Requests whose signature or timestamp does not hold.",
              [this](const std::string& source, const SourceMetrics& m) {
                  if (source != "source=\"\"") sample(source, m.rejected_signatures);
              });
    by_source("limited_signatures_total", "Of these, refused unseen: server.failed_signatures was used up.",
              [this](const std::string& source, const SourceMetrics& m) {
                  if (source != "source=\"\"") sample(source, m.limited_signatures);
              });
    by_source("secret_used_total", "Requests whose signature held, by the secret's file name.",
              [this](const std::string& source, const SourceMetrics& m) {
                  m.secret_used.for_each([&](std::string_view key, const Counter& used) {
                      sample(source + ',' + label("key", key), used);
                  });
              });
    one("events_out_of_order_total", "counter", "Events that came after a later one of the same call.",
        all_.out_of_order);
}

void MetricsText::calls() {
    family("calls", "gauge", "Calls known of by state; one that has ended is kept for ten minutes.");
    for (std::size_t i = 0; i < all_.calls.by_state.size(); ++i)
        sample(label("state", name_of(static_cast<CallState>(i))), all_.calls.by_state[i]);
    family("calls_forgotten_total", "counter", "Calls forgotten before they had ended, by reason.");
    sample(label("reason", "full"), all_.calls.forgotten_full);
    sample(label("reason", "silent"), all_.calls.forgotten_silent);
    one("calls_ended_without_report_total", "counter",
        "Calls that had ended ten minutes ago, and whose end-of-call-report has not come.",
        all_.calls.without_report);
}

void MetricsText::answers() {
    by_waited_for("answer_duration_seconds", "histogram",
                  "From a request's first byte to the answer, per tool call.",
                  &HandlerMetrics::answer_seconds);
    by_waited_for("answer_headroom_seconds", "histogram",
                  "From an answer to when the platform would have given up.",
                  &HandlerMetrics::headroom_seconds);
    by_waited_for("fallbacks_total", "counter", "Answers that were a route's fallback.",
                  &HandlerMetrics::fallbacks);
    by_waited_for("built_in_answers_total", "counter", "Answers that no handler and no fallback gave.",
                  &HandlerMetrics::built_in);
    by_waited_for("handler_failures_total", "counter", "Waited-for events that a handler did not answer.",
                  &HandlerMetrics::failures);
    by_waited_for("handler_missed_deadlines_total", "counter", "Of these, because its time was up.",
                  &HandlerMetrics::missed_deadlines);
    by_handler("handler_late_answers_total", "counter", "Answers that came after their deadline.",
               [this](const std::string& handler, const HandlerMetrics& m) { sample(handler, m.late); });
}

void MetricsText::deliveries() {
    by_handler("delivery_backlog_events", "gauge", "Told-only events that a handler has not had yet.",
               each(&HandlerMetrics::backlog));
    by_handler("delivery_in_progress_events", "gauge", "Of these, with the handler now.",
               each(&HandlerMetrics::in_work));
    by_handler("delivery_oldest_pending_age_seconds", "gauge",
               "Of these, how long ago the oldest came; 0: none.",
               [this](const std::string& handler, const HandlerMetrics& m) {
                   const std::int64_t at = m.oldest_at_ms.value();
                   sample(handler, at == 0 || at > now_ms_ ? 0 : seconds(now_ms_ - at));
               });
    by_handler("delivery_attempts_total", "counter",
               "Attempts by result; failed: tried again, dead: given up.",
               [this](const std::string& handler, const HandlerMetrics& m) {
                   for (std::size_t i = 0; i < kOutcomes.size(); ++i)
                       sample(handler + ',' + label("outcome", kOutcomes[i]), m.attempts[i]);
               });
    by_handler("delivery_dead_letters_total", "counter", "Deliveries given up.",
               [this](const std::string& handler, const HandlerMetrics& m) {
                   sample(handler, m.attempts[static_cast<std::size_t>(AttemptOutcome::dead)]);
               });
    by_handler("delivery_redeliveries_total", "counter", "Deliveries that an operator asked for.",
               each(&HandlerMetrics::redeliveries));
    by_handler("delivery_attempt_duration_seconds", "histogram", "Attempts, from hand-over to answer.",
               each(&HandlerMetrics::attempt_seconds));
    by_handler("delivery_duration_seconds", "histogram", "Deliveries, from receipt of the event to success.",
               each(&HandlerMetrics::delivery_seconds));
}

void MetricsText::actions() {
    const ActionMetrics& actions = all_.actions;
    family("actions_total", "counter", "Call-control commands by type and by what became of them.");
    for (std::size_t t = 0; t < ActionMetrics::kTypes; ++t)
        for (std::size_t o = 0; o < kActionOutcomes.size(); ++o)
            sample(label("type", name_of(static_cast<CallCommand::Type>(t))) + ',' +
                       label("outcome", kActionOutcomes[o]),
                   actions.ended[t][o]);
    one("actions_pending", "gauge", "Call-control commands that wait or are being sent.", actions.pending);
    one("action_duration_seconds", "histogram", "Commands sent, from when they were asked for to the answer.",
        actions.seconds);
    one("platform_rate_limited_total", "counter", "Commands that the platform answered with 429.",
        actions.rate_limited);
    by_handler(
        "actions_invalid_total", "counter", "Actions in answers that were no commands.",
        [this](const std::string& handler, const HandlerMetrics& m) { sample(handler, m.invalid_actions); });
}

void MetricsText::workers() {
    by_handler("workers_configured", "gauge", "Worker processes that there should be.",
               each(&HandlerMetrics::workers_configured, &HandlerMetrics::workers_configured));
    by_handler("workers_up", "gauge", "Worker processes that have shaken hands and work.",
               each(&HandlerMetrics::workers_up, &HandlerMetrics::workers_configured));
    by_handler("worker_restarts_total", "counter", "Worker processes that were started to replace another.",
               each(&HandlerMetrics::worker_restarts, &HandlerMetrics::workers_configured));
}

void MetricsText::slots() {
    by_handler("handler_slots", "gauge", "Events that a handler works at, at most, at once.",
               each(&HandlerMetrics::slots, &HandlerMetrics::slots));
    by_handler("handler_slots_busy", "gauge", "Events that it works at now.",
               each(&HandlerMetrics::slots_busy, &HandlerMetrics::slots));
    by_handler("handler_queued_events", "gauge", "Events that wait for a free slot.",
               each(&HandlerMetrics::queued, &HandlerMetrics::slots));
    by_handler("handler_refused_total", "counter", "Events refused because slots and queue were full.",
               each(&HandlerMetrics::refused, &HandlerMetrics::slots));
    by_handler("handler_cut_off_total", "counter",
               "Work that was cut off, or left to itself, at its deadline.",
               each(&HandlerMetrics::cut_off, &HandlerMetrics::slots));
    by_handler("handler_circuit_open", "gauge", "1: the service keeps failing and is not asked.",
               each(&HandlerMetrics::circuit_open, &HandlerMetrics::slots));
    by_handler("handler_circuit_opened_total", "counter", "How often that began.",
               each(&HandlerMetrics::circuit_opened, &HandlerMetrics::slots));
}

void MetricsText::journal() {
    const JournalMetrics& j = all_.journal;
    one("journal_enabled", "gauge", "0: journal.sync is off, and events are in memory only.", j.enabled);
    if (j.enabled.value() == 0) return;
    one("journal_up", "gauge", "Whether the journal takes events.", j.up);
    one("journal_queued_events", "gauge", "Entries of the last batch that waited for the disk.",
        j.queued_events);
    one("journal_queued_bytes", "gauge", "Their size.", j.queued_bytes);
    one("journal_commits_total", "counter", "Commits.", j.commits);
    one("journal_events_total", "counter", "Events committed.", j.events);
    one("journal_written_bytes_total", "counter", "Size of the events committed.", j.bytes);
    one("journal_commit_events", "histogram", "Events of one commit.", j.batch_events);
    one("journal_commit_duration_seconds", "histogram", "Commits, with their fdatasync.", j.commit_seconds);
    family("journal_failures_total", "counter", "Commits that failed, by reason.");
    for (std::size_t i = 0; i < kFailures.size(); ++i)
        sample(label("reason", kFailures[i]), j.failures.at_index(i));
    one("journal_refused_events_total", "counter", "Events that could not be stored.", j.refused);
    one("journal_lost_records_total", "counter",
        "Of these, waited-for events, which were answered all the same.", j.lost_records);
    one("journal_file_bytes", "gauge", "Size of the journal's file.", j.file_bytes);
    one("journal_wal_bytes", "gauge", "Size of its write-ahead log.", j.wal_bytes);
    one("journal_checkpoints_total", "counter", "Passes that moved the write-ahead log into the file.",
        j.checkpoints);
    one("journal_checkpoint_duration_seconds", "histogram", "Such passes.", j.checkpoint_seconds);
}

std::string metrics_text(const Metrics& metrics, std::chrono::system_clock::time_point now) {
    return MetricsText(metrics, now).text();
}

}  // namespace hookswitch
