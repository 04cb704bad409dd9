#pragma once

// The journal's thread: takes what has queued up, commits it at once, tells those who wait. Inside
// of the journal.

#include "daemon/io/journal.hpp"
#include "daemon/io/journal_checkpoint.hpp"
#include "daemon/io/journal_purge.hpp"
#include "daemon/io/journal_rows.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <variant>

namespace hookswitch {

// Written by the journal's thread, or before it gets there by the one that was refused.
struct Journal::Ticket {
    std::int64_t seq = 0;  // 0: not committed, or lost
};

class Journal::Writer {
public:
    Writer(const JournalSettings& settings, JournalMetrics& metrics);
    ~Writer();

    /// See Journal::open.
    Result<> open();

    struct Event {
        std::string record;
        boost::asio::any_io_executor executor;
        Appended done;                   // told-only
        std::shared_ptr<Ticket> ticket;  // waited-for
        std::shared_ptr<void> load;      // told-only with handlers
        Result<std::int64_t> seq = 0;    // once committed
    };
    struct Answer {
        std::shared_ptr<Ticket> ticket;
        JournalAnswer answer;
    };
    struct Mark {
        std::int64_t delivered_before;
    };
    struct Commands {
        std::vector<CommandRecord> records;
        boost::asio::any_io_executor executor;
        CommandsStored done;
        std::vector<std::int64_t> numbers;  // once written
    };
    using Op = std::variant<Event, Answer, DeliveryRecord, Mark, Commands, CommandEnd>;

    void push(Op op, std::size_t bytes);
    void on_commit(const boost::asio::any_io_executor& executor, Delivery deliver);
    void on_redelivery(const boost::asio::any_io_executor& executor, Redelivery take);
    void on_change(const boost::asio::any_io_executor& executor, std::function<void()> changed);
    void when_usable(const boost::asio::any_io_executor& executor, std::function<void()> usable);
    void look_now();
    std::optional<std::string> failure() const;
    void retain(const JournalSettings& settings);
    const JournalSettings& settings() const { return settings_; }

private:
    using Clock = std::chrono::steady_clock;
    Result<> lock_file();
    Result<> connect();
    void start();
    void run();
    void gathered();
    std::vector<Op> take(bool& stopping);
    void commit(std::vector<Op> ops);
    Result<> write(std::vector<Op>& ops);
    Result<> write(Op& op);
    Result<> write_segment();
    bool still_stored(std::int64_t seq);
    void committed(std::vector<Op>& ops);
    void refuse(std::vector<Op> ops, const Error& why);
    static void answer(Commands& commands, Result<std::vector<std::int64_t>> numbers);
    void index(const Event& event);
    Result<> read_buckets();
    Result<> notice_others();
    Result<> still_there();
    static void answer(std::vector<Event> events);
    void lose(const Event& event, std::string_view why);

    void tick();
    void try_again();
    void upkeep_failed(const Error& why);
    Result<> find_redeliveries();
    Result<> retention_step();
    void fail(const Error& why);
    void recovered();

    JournalSettings settings_;
    JournalMetrics& metrics_;
    int lock_fd_ = -1;

    // The journal's thread.
    std::optional<JournalRows> rows_;
    std::unique_ptr<Checkpointer> checkpointer_;
    std::mutex gate_;  // held while committing; see Checkpointer
    std::int64_t next_seq_ = 1;
    SegmentBuilder segment_;  // of the events that are being written
    std::int64_t segment_first_ = 0;
    Bucket bucket_;                          // the incomplete one
    std::int64_t data_version_ = 0;          // changes when somebody else writes to the file
    bool others_wrote_ = false;              // so events may be gone that are still being worked at
    std::uintmax_t device_ = 0, inode_ = 0;  // of the file
    std::vector<Bucket> complete_;           // to be written with the next commit
    std::vector<Op> retained_;               // of a failed commit: what is not an event
    Clock::time_point next_tick_, next_retention_;
    std::int64_t purge_from_ = 0;  // where retention goes on; 0: at the oldest
    PurgeStep purged_;             // since retention began at the oldest
    bool reopen_ = false;          // SQLite opens a file read-only when it can do no better, and keeps it so

    // Shared.
    boost::asio::any_io_executor delivery_executor_, redelivery_executor_, usable_executor_, change_executor_;
    std::function<void()> usable_, changed_;
    Delivery delivery_;
    Redelivery redelivery_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Op> queue_;
    std::size_t queued_bytes_ = 0;
    std::vector<boost::asio::any_io_executor> gathering_;  // shards that will say when they have no more
    bool urgent_ = false, stopping_ = false, look_now_ = false;
    std::optional<std::string> failure_;
    std::atomic<bool> dead_ = false;  // refuses everything until a restart
    std::thread thread_;
};

}  // namespace hookswitch
