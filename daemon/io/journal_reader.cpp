#include "daemon/io/journal_reader.hpp"

#include "daemon/core/lines.hpp"
#include "daemon/io/journal_file.hpp"
#include "daemon/io/journal_search.hpp"

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

void derive_state(EventRow& event) {
    const auto any = [&](std::string_view state) {
        return std::ranges::any_of(event.deliveries, [&](const auto& d) { return d.state == state; });
    };
    if (event.deliveries.empty())
        event.state = "stored";
    else
        event.state = any("dead")      ? "dead"
                      : any("waiting") ? "waiting"
                      : any("pending") ? "pending"
                                       : "delivered";
}

// All that one call reads is of one moment.
class Reading {
public:
    static Result<Reading> begin(JournalReader::State& state) {
        if (auto r = state.database.execute("BEGIN"); !r) return r.error();
        Reading reading(state.database);
        TRY(const auto before,
            state.database.integer("SELECT value FROM meta WHERE key = 'delivered_before'"));
        state.delivered_before = before.value_or(1);
        return reading;
    }
    Reading(Reading&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Reading& operator=(Reading&&) = delete;
    ~Reading() {
        if (database_ && database_->in_transaction()) (void)database_->execute("ROLLBACK");
    }

private:
    explicit Reading(sqlite::Database& database) : database_(&database) {}
    sqlite::Database* database_;
};

}  // namespace

Result<> JournalReader::State::prepare() {
    TRY(attempts, database.prepare("SELECT handler, attempt, at, ms, outcome, why, next_at FROM attempt "
                                   "WHERE seq = ? ORDER BY at, handler, attempt"));
    TRY(unsettled, database.prepare("SELECT handler, state, attempts, next_at FROM unsettled WHERE seq = ?"));
    TRY(answer, database.prepare("SELECT at, status, body, parts FROM answer WHERE seq = ?"));
    return {};
}

Result<> JournalReader::State::read_attempts(StoredEvent& event) {
    attempts.bind(1, event.seq);
    for (;;) {
        TRY(const bool row, attempts.step());
        if (!row) break;
        StoredAttempt attempt;
        attempt.handler = attempts.text(0);
        attempt.attempt = static_cast<int>(attempts.integer(1));
        attempt.at = attempts.time(2);
        attempt.ms = attempts.real(3);
        attempt.outcome = attempts.text(4);
        attempt.why = attempts.optional_text(5);
        attempt.next_at = attempts.optional_time(6);
        event.attempts.push_back(std::move(attempt));
    }
    attempts.reset();
    return {};
}

// A delivery that failed has a row in `unsettled` until it is delivered; one that never failed has one
// attempt, or none yet.
Result<> JournalReader::State::read_deliveries(StoredEvent& event, std::string_view handlers) {
    for_each_line(handlers, [&](std::string_view handler) {
        DeliveryState delivery;
        delivery.handler = handler;
        for (const auto& attempt : event.attempts)
            if (attempt.handler == delivery.handler)
                delivery.attempts = std::max(delivery.attempts, attempt.attempt);
        const bool settled = delivery.attempts > 0 || event.seq < delivered_before;
        delivery.state = settled ? "delivered" : "pending";
        event.deliveries.push_back(std::move(delivery));
    });
    unsettled.bind(1, event.seq);
    for (;;) {
        TRY(const bool row, unsettled.step());
        if (!row) break;
        const auto name = unsettled.text(0);
        const auto known =
            std::ranges::find_if(event.deliveries, [&](const auto& d) { return d.handler == name; });
        DeliveryState& delivery = known != event.deliveries.end() ? *known : event.deliveries.emplace_back();
        delivery.handler = name;
        delivery.state = unsettled.text(1);
        delivery.attempts = static_cast<int>(unsettled.integer(2));
        delivery.next_at = unsettled.optional_time(3);
    }
    unsettled.reset();
    derive_state(event);
    return {};
}

Result<> JournalReader::State::read_answer(StoredEvent& event) {
    answer.bind(1, event.seq);
    TRY(const bool row, answer.step());
    if (row)
        event.answer = StoredAnswer{answer.time(0), static_cast<int>(answer.integer(1)),
                                    std::string(answer.text(2)), std::string(answer.text(3))};
    answer.reset();
    event.state = row ? "answered" : "unanswered";
    return {};
}

Result<> JournalReader::State::complete(StoredEvent& event, std::string_view handlers, bool whole) {
    if (event.waited_for) return read_answer(event);
    if (auto r = read_attempts(event); !r) return r;
    auto done = read_deliveries(event, handlers);
    if (!whole) event.attempts.clear();
    return done;
}

JournalReader::JournalReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
JournalReader::~JournalReader() = default;
JournalReader::JournalReader(JournalReader&&) noexcept = default;
JournalReader& JournalReader::operator=(JournalReader&&) noexcept = default;

Result<JournalReader> JournalReader::open(const std::filesystem::path& file) {
    TRY(auto database, open_journal_to_read(file));
    auto state = std::make_unique<State>(std::move(database));
    if (auto r = state->prepare(); !r) return std::move(r).error().in("open " + file.string());
    return JournalReader(std::move(state));
}

Result<std::vector<EventRow>> JournalReader::list(const EventFilter& filter) {
    TRY(const auto reading, Reading::begin(*state_));
    TRY(auto found, search_events(*state_, filter, false));
    std::vector<EventRow> rows;
    rows.reserve(found.size());
    for (auto& event : found) rows.push_back(std::move(event));
    return rows;
}

Result<std::vector<StoredEvent>> JournalReader::read(const EventFilter& filter) {
    TRY(const auto reading, Reading::begin(*state_));
    return search_events(*state_, filter, true);
}

Result<std::optional<StoredEvent>> JournalReader::load(std::int64_t seq) {
    EventFilter filter;
    filter.after = seq - 1;
    filter.oldest_first = true;
    filter.limit = 1;
    TRY(auto found, read(filter));
    if (found.empty() || found.front().seq != seq) return std::optional<StoredEvent>();
    return std::optional(std::move(found.front()));
}

Result<std::optional<StoredEvent>> JournalReader::load(std::string_view id) {
    EventFilter filter;
    filter.id = id.substr(0, id.find('.'));
    filter.limit = 1;
    TRY(auto found, read(filter));
    if (found.empty()) return std::optional<StoredEvent>();
    return std::optional(std::move(found.front()));
}

Result<std::vector<StoredCommand>> JournalReader::commands(std::string_view call) {
    return commands_of_call(state_->database, call);
}

Result<std::int64_t> JournalReader::newest() {
    TRY(const auto seq, state_->database.integer("SELECT seq FROM event ORDER BY seq DESC LIMIT 1"));
    return seq.value_or(0);
}

}  // namespace hookswitch
