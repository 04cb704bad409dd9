#pragma once

// What the daemon reads from its own journal: at its start what it has to remember, and later the
// events that were not kept in memory until it was their turn. On a thread and a connection of its
// own, because reading waits for the disk.

#include "daemon/core/iso_time.hpp"
#include "daemon/core/result.hpp"
#include "daemon/io/journal.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// A told-only event out of the journal.
struct StoredTold {
    std::int64_t seq = 0;
    std::string id, source, dialect, call, head, body;
    Milliseconds received_at;
};

/// Part of what a handler has not been given yet.
struct BacklogPage {
    std::vector<StoredTold> events;  // in order
    std::int64_t read_to = 0;        // nothing below or at it is missing in `events`
    bool at_end = false;             // `read_to` was the newest event
};

/// One event of the recent past, as duplicates are recognised by it.
struct RecentEvent {
    std::string_view dedupe;  // 16 bytes
    Milliseconds received_at;
    std::optional<std::string_view> answer;  // of a waited-for event
    bool waited_for = false;
};

/// The same, as its call is. Empty: the event had none.
struct RecentCallEvent {
    Milliseconds received_at;
    std::string_view type, status, call, caller, called, source, dialect;
    /// The whole event; nullopt: erased, damaged, or a report, which is large and comes when a call is over.
    std::function<std::optional<std::string>()> body;
};

/// What deliveries go on with after a start.
struct BacklogStart {
    std::int64_t delivered_before = 1, newest = 0;
    std::vector<std::string> handlers;  // that may have something to get
    std::vector<WaitingDelivery> waiting;
};

class JournalBacklog {
public:
    static Result<std::unique_ptr<JournalBacklog>> open(const JournalSettings& settings);
    ~JournalBacklog();  ///< waits for what is being read

    // At the start, waiting for the disk.
    Result<BacklogStart> start();
    /// Newest first, down to `since`, at most `limit`.
    Result<> recent(Milliseconds since, std::size_t limit,
                    const std::function<void(const RecentEvent&)>& each);
    /// The same, until `each` returns false.
    Result<> recent_of_calls(Milliseconds since, std::size_t limit,
                             const std::function<bool(const RecentCallEvent&)>& each);

    /// Commands that nothing is known of, in order.
    Result<std::vector<OpenCommand>> open_commands();

    // Later, on the thread; `done` is called on `executor`.

    /// Events from `from` on that `handler` has to get and was never given: at most `limit` of them and
    /// about `bytes` of bodies.
    void page(std::string handler, std::int64_t from, std::size_t limit, std::size_t bytes,
              const boost::asio::any_io_executor& executor, std::function<void(Result<BacklogPage>)> done);

    /// One event; nullopt: it is gone.
    void fetch(std::int64_t seq, const boost::asio::any_io_executor& executor,
               std::function<void(Result<std::optional<StoredTold>>)> done);

private:
    struct Reader;
    explicit JournalBacklog(std::unique_ptr<Reader> reader);

    std::unique_ptr<Reader> reader_;
    boost::asio::thread_pool thread_{1};
};

}  // namespace hookswitch
