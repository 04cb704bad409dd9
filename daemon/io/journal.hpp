#pragma once

// Every event that was accepted, on disk before the platform is told so: what came, what was
// answered, and what became of each delivery. One SQLite file in WAL mode; the outer contract calls
// it [journal].
//
// A thread of its own writes. It takes all that has queued up and commits it at once, so that many
// events share one fdatasync; checkpoints run in a second thread on a second connection and never
// within a commit. The order of commits is the order of events: `seq` counts it.
//
// After a failure that leaves in doubt what is on disk (a failed fsync, a corrupted file) everything
// is refused until a restart. After any other (no space, read-only, locked) it tries again, because
// then nothing of the failed transaction counts, and all before it is as safe as it was.
//
// Members may be called on any thread unless they say otherwise. They never wait for the disk.

#include "daemon/core/iso_time.hpp"
#include "daemon/core/result.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

struct JournalMetrics;

struct JournalSettings {
    std::filesystem::path path = "hookswitch.db";
    std::chrono::milliseconds retention{std::chrono::days(30)};  // zero: for ever
    std::chrono::milliseconds report_retention{0};               // of reports' bodies; zero: as all else
    std::size_t max_size = 0;                                    // bytes of the file; zero: no limit
    std::string vfs;                                             // SQLite's; for tests

    bool operator==(const JournalSettings&) const = default;
};

/// An event as it is stored. Borrows everything; what is empty is stored as NULL.
struct JournalEntry {
    std::string_view id;  // ULID
    Milliseconds received_at;
    std::string_view type, dialect, source, call, status, caller, called;
    std::optional<std::string_view> handlers;  // told-only: names, one a line; nullopt: waited-for
    std::string_view dedupe;                   // 16 bytes
    std::string_view head, body;               // as received
};

/// What a waited-for event was answered.
struct JournalAnswer {
    Milliseconds at;
    std::string body;
    std::string parts;  // JSON
};

/// How one attempt to deliver a told-only event ended.
struct DeliveryRecord {
    enum class Outcome { delivered, failed, dead };
    std::int64_t seq = 0;
    std::string handler;
    int attempt = 1;
    Milliseconds at;  // when it began
    double ms = 0;    // how long it took
    Outcome outcome = Outcome::delivered;
    std::string why;                      // of a failure
    std::optional<Milliseconds> next_at;  // when failed: the next attempt
};

/// A call-control command that was asked for. Text is as it is sent: it may be about a person.
struct CommandRecord {
    std::string call, event, by;  // event: id of the one that it came with, or empty; by: who asked
    Milliseconds at;              // when
    std::string type, body;
};

/// What became of it.
struct CommandEnd {
    std::int64_t n = 0;
    Milliseconds at;
    std::string state;  // sent, refused, failed (it may have been carried out), expired, dropped
    int status = 0;     // HTTP; 0: none came
    std::string why;    // not of what was sent
};

/// One that nothing is known of yet.
struct OpenCommand : CommandRecord {
    std::int64_t n = 0;
};

/// A delivery that failed before and will be tried again.
struct WaitingDelivery {
    std::int64_t seq = 0;
    std::string handler, call;
    int attempts = 0;  // made so far
    Milliseconds next_at, received_at;
};

class Journal {
public:
    /// For one waited-for event; carries its answer to the row of its event.
    struct Ticket;
    using Appended = std::function<void(Result<std::int64_t> seq)>;

    /// An event that has handlers to reach is now on disk; `load` is what append() was given for it.
    struct Committed {
        std::int64_t seq = 0;
        std::shared_ptr<void> load;
    };
    using Delivery = std::function<void(std::vector<Committed>)>;
    using Redelivery = std::function<void(std::vector<WaitingDelivery>)>;

    /// Opens or creates the file and starts the threads. Errc::invalid_config: it belongs to a newer
    /// version, or another daemon has it open, or it cannot be created. A file that is there but
    /// cannot be used (corrupted, locked, on a full disk) is no error: calls must be answered all the
    /// same. It is then failing from the start; see when_usable().
    static Result<std::unique_ptr<Journal>> open(const JournalSettings& settings, JournalMetrics& metrics);

    /// Writes what is queued, then closes.
    ~Journal();

    /// Stores a told-only event. `done` is called on `executor` once it is on disk, or with the reason
    /// why it is not; those of one commit are called together, in order. The error is
    /// Errc::unavailable. `load`, unless it is null, goes to on_commit() if it is.
    void append(const JournalEntry& entry, const boost::asio::any_io_executor& executor, Appended done,
                std::shared_ptr<void> load);

    /// Where committed events with a `load` go, in the order of their commits, on `executor`. To be
    /// set before the first append().
    void on_commit(const boost::asio::any_io_executor& executor, Delivery deliver);

    /// Stores a waited-for event, and later its answer; nobody waits. What cannot be stored is logged
    /// and counted.
    std::shared_ptr<Ticket> append(const JournalEntry& entry);
    void answered(const std::shared_ptr<Ticket>& ticket, JournalAnswer answer);

    void record(DeliveryRecord record);

    using CommandsStored = std::function<void(Result<std::vector<std::int64_t>> numbers)>;

    /// Stores commands before they are carried out. `done` is called on `executor` as append()'s is,
    /// with a number for each.
    void append(std::vector<CommandRecord> commands, const boost::asio::any_io_executor& executor,
                CommandsStored done);
    void ended(CommandEnd end);

    /// Every event with a smaller seq is delivered, or is waiting or dead on record.
    void delivered_before(std::int64_t seq);

    /// Deliveries that `events redeliver` asks for come here, on `executor`.
    void on_redelivery(const boost::asio::any_io_executor& executor, Redelivery take);
    /// Called on `executor` after somebody else, an operator with `events purge`, has written to the file.
    void on_change(const boost::asio::any_io_executor& executor, std::function<void()> changed);
    /// Looks for them now instead of within a second.
    void look_for_redeliveries();

    /// Calls `usable`, once, on `executor`, when a file that could not be used at the start can be.
    void when_usable(const boost::asio::any_io_executor& executor, std::function<void()> usable);

    /// nullopt: it works. Else why not, for /readyz.
    std::optional<std::string> failure() const;

    /// New limits of retention, from a reload. The rest of the settings needs a restart.
    void retain(const JournalSettings& settings);
    const JournalSettings& settings() const;

private:
    class Writer;
    explicit Journal(std::unique_ptr<Writer> writer);
    std::unique_ptr<Writer> writer_;
};

}  // namespace hookswitch
