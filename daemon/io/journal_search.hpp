#pragma once

// How the journal's reader finds events. Inside of journal_reader.

#include "daemon/io/journal_reader.hpp"
#include "daemon/io/sqlite.hpp"

namespace hookswitch {

struct JournalReader::State {
    explicit State(sqlite::Database opened) : database(std::move(opened)) {}

    Result<> prepare();

    /// What the tables beside `event` say of it; `whole`: also the answer and the attempts themselves.
    Result<> complete(StoredEvent& event, std::string_view handlers, bool whole);

    sqlite::Database database;
    sqlite::Statement attempts, unsettled, answer;
    std::int64_t delivered_before = 1;  // as of the call that is being served

private:
    Result<> read_attempts(StoredEvent& event);
    Result<> read_deliveries(StoredEvent& event, std::string_view handlers);
    Result<> read_answer(StoredEvent& event);
};

/// Events by a filter, in one reading transaction of the caller's.
Result<std::vector<StoredEvent>> search_events(JournalReader::State& state, const EventFilter& filter,
                                               bool whole);

}  // namespace hookswitch
