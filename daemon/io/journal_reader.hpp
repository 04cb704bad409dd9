#pragma once

// Looking into a journal: the one of a running daemon, which goes on writing, or a copy of one, also
// where nothing may be written. Everything that shows events reads them here.
//
// One thread at a time per reader. Each call sees the journal as it is at one moment, and waits a few
// seconds at most where somebody holds a lock. A schema older than this version's is read as it is.

#include "daemon/core/iso_time.hpp"
#include "daemon/core/result.hpp"
#include "daemon/io/journal_command.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// Which events; all conditions must hold. Id, call and caller are looked up in the search index, also
/// among millions. All others mean looking at one event after the other until there are `limit`.
struct EventFilter {
    std::optional<std::string> id = {}, call = {}, type = {}, source = {}, caller = {};
    std::optional<std::string> state = {};               // see EventRow
    std::optional<std::string> handler = {};             // that it has to reach, or that answered
    std::optional<Milliseconds> since = {}, until = {};  // received at `since` or later, before `until`
    std::int64_t after = 0;                              // only events with a greater seq
    std::size_t limit = 100;
    bool oldest_first = false;
};

/// How far a told-only event has come with one of its handlers.
struct DeliveryState {
    std::string handler;
    std::string state;  // "pending", "waiting" for another attempt, "delivered", "dead"
    int attempts = 0;
    std::optional<Milliseconds> next_at;
};

struct EventRow {
    std::int64_t seq = 0;
    std::string id;
    Milliseconds received_at;
    std::string type, dialect, source;
    std::optional<std::string> call, status, caller, called;
    std::size_t size = 0;  // of the body as received
    /// Waited-for: "answered", "unanswered". Told-only: "stored" (no handler wants it), "delivered" (to
    /// all), "dead" (at least one has given up), "waiting" (at least one will try again), "pending".
    std::string state;
    bool waited_for = false;
    std::vector<DeliveryState> deliveries;
};

struct StoredAttempt {
    std::string handler;
    int attempt = 0;
    Milliseconds at;
    double ms = 0;
    std::string outcome;  // "delivered", "failed" (to be tried again), "dead"
    std::optional<std::string> why;
    std::optional<Milliseconds> next_at;
};

struct StoredAnswer {
    Milliseconds at;
    int status = 0;
    std::string body;
    std::string parts;  // JSON: who answered what, and how fast
};

struct StoredEvent : EventRow {
    std::string head;                 // request line and header fields as received
    std::optional<std::string> body;  // as received; nullopt: erased by retention
    std::optional<StoredAnswer> answer;
    std::vector<StoredAttempt> attempts;
};

class JournalReader {
public:
    /// Errc::invalid_config: it belongs to a newer version, or is no journal.
    static Result<JournalReader> open(const std::filesystem::path& file);
    ~JournalReader();
    JournalReader(JournalReader&&) noexcept;
    JournalReader& operator=(JournalReader&&) noexcept;

    Result<std::vector<EventRow>> list(const EventFilter& filter);

    /// The same with everything that is known of each event.
    Result<std::vector<StoredEvent>> read(const EventFilter& filter);

    /// One event; nullopt: there is none. The id may be that of a part, ID.n.
    Result<std::optional<StoredEvent>> load(std::int64_t seq);
    Result<std::optional<StoredEvent>> load(std::string_view id);

    /// The call-control commands of a call, in the order in which they were asked for.
    Result<std::vector<StoredCommand>> commands(std::string_view call);

    /// The seq of the last event; 0: there is none.
    Result<std::int64_t> newest();

    struct State;

private:
    explicit JournalReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace hookswitch
