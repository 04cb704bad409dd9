#include "daemon/io/journal_writer.hpp"

#include "daemon/core/metrics.hpp"
#include "daemon/io/journal_failure.hpp"
#include "daemon/io/journal_schema.hpp"
#include "daemon/io/log.hpp"

#include <boost/asio/post.hpp>

#include <sqlite3.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace hookswitch {
namespace {

namespace asio = boost::asio;
using log::kv;

// What may wait for the disk. Beyond it the disk does not keep up, and more waiting helps nobody.
constexpr std::size_t kMostQueued = std::size_t{64} << 20;

// One commit, so that those who come in meanwhile do not wait for thousands of others.
constexpr std::size_t kMostOps = 1024;

Error unavailable(std::string_view why) { return fail(Errc::unavailable, "journal: " + std::string(why)); }

// How long a record waits for which nobody waits.
constexpr auto kLazy = std::chrono::milliseconds(20);

// Where somebody waits for this to be on disk; null: nobody does.
const asio::any_io_executor* waits_on(const auto& op) {
    const auto executor_of = [](const auto& o) -> const asio::any_io_executor* {
        if constexpr (requires { o.done; }) return o.done ? &o.executor : nullptr;
        return nullptr;
    };
    return std::visit(executor_of, op);
}

}  // namespace

Journal::Writer::Writer(const JournalSettings& settings, JournalMetrics& metrics)
    : settings_(settings), metrics_(metrics) {}

Journal::Writer::~Writer() {
    if (thread_.joinable()) {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    checkpointer_.reset();
    rows_.reset();
    if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<> Journal::Writer::connect() {
    checkpointer_.reset();
    rows_.reset();
    TRY(auto rows, JournalRows::open(settings_));
    TRY(next_seq_, rows.next_seq());
    TRY(auto second,
        sqlite::Database::open(settings_.path, sqlite::Database::Mode::read_write, settings_.vfs));
    if (auto r = second.execute("PRAGMA synchronous=FULL"); !r) return r;
    rows_.emplace(std::move(rows));
    struct stat file {};
    if (::stat(settings_.path.c_str(), &file) == 0) {
        device_ = file.st_dev;
        inode_ = file.st_ino;
    }
    if (auto r = read_buckets(); !r) return r;
    checkpointer_ = std::make_unique<Checkpointer>(std::move(second), rows_->page_size(), gate_, metrics_);
    sqlite3_wal_hook(
        rows_->database().handle(),
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<Writer*>(self)->checkpointer_->note(pages);
            return SQLITE_OK;
        },
        this);
    return {};
}

// Whoever waits for the disk is on a shard, and the shard most likely has others at hand that will. The
// thread is woken once they are all here: one commit for them, not one for the first and one for the
// rest. What nobody waits for is not in a hurry.
void Journal::Writer::push(Op op, std::size_t bytes) {
    std::string_view refused;
    asio::any_io_executor gathering;
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        const bool new_one = std::holds_alternative<Event>(op) || std::holds_alternative<Commands>(op);
        if (new_one && dead_)  // the answer comes at once, not after a turn of the thread
            refused = "failed; see the log; a restart is needed";
        else if (!std::holds_alternative<DeliveryRecord>(op) && !std::holds_alternative<CommandEnd>(op) &&
                 queued_bytes_ > 0 && queued_bytes_ + bytes > kMostQueued)
            refused = "the disk does not keep up";
        if (refused.empty()) {
            const auto* waits = waits_on(op);
            if (waits && std::ranges::find(gathering_, *waits) == gathering_.end())
                gathering = gathering_.emplace_back(*waits);
            wake = queue_.empty() && gathering_.empty();
            queue_.push_back(std::move(op));
            queued_bytes_ += bytes;
        }
    }
    if (gathering) asio::post(gathering, [this] { gathered(); });
    if (wake) wake_.notify_one();
    if (refused.empty()) return;
    if (!std::holds_alternative<Event>(op) && !std::holds_alternative<Commands>(op))
        return metrics_.lost_records.add();
    std::vector<Op> ops;
    ops.push_back(std::move(op));
    refuse(std::move(ops), unavailable(refused));
}

void Journal::Writer::gathered() {
    {
        const std::lock_guard lock(mutex_);
        gathering_.clear();
        urgent_ = true;
    }
    wake_.notify_one();
}

std::vector<Journal::Writer::Op> Journal::Writer::take(bool& stopping) {
    std::vector<Op> ops;
    std::unique_lock lock(mutex_);
    const auto urgent = [this] { return urgent_ || stopping_ || look_now_; };
    wake_.wait_until(lock, next_tick_, [&] { return urgent() || (!queue_.empty() && gathering_.empty()); });
    if (!queue_.empty()) wake_.wait_for(lock, kLazy, urgent);
    urgent_ = false;
    ops.swap(queue_);
    queue_.reserve(std::min(ops.size(), kMostOps));  // there will be about as many again
    metrics_.queued_bytes.set(std::exchange(queued_bytes_, 0));
    metrics_.queued_events.set(ops.size());
    if (std::exchange(look_now_, false)) next_tick_ = {};
    stopping = stopping_;
    return ops;
}

void Journal::Writer::run() {
    for (bool stopping = false;;) {
        std::vector<Op> ops = take(stopping);
        if (ops.empty() && stopping) break;
        while (ops.size() > kMostOps) {
            const auto end = ops.begin() + kMostOps;
            commit({std::make_move_iterator(ops.begin()), std::make_move_iterator(end)});
            ops.erase(ops.begin(), end);
        }
        if (!ops.empty()) commit(std::move(ops));
        if (Clock::now() >= next_tick_) tick();
    }
    if (!retained_.empty()) commit({});
}

void Journal::Writer::commit(std::vector<Op> ops) {
    if (!retained_.empty()) {
        ops.insert(ops.begin(), std::make_move_iterator(retained_.begin()),
                   std::make_move_iterator(retained_.end()));
        retained_.clear();
    }
    if (dead_ || !rows_) return refuse(std::move(ops), unavailable(failure().value_or("not open")));
    const auto began = Clock::now();
    if (auto r = write(ops); !r) {
        fail(r.error());
        return refuse(std::move(ops), unavailable(r.error().what()));
    }
    metrics_.commits.add();
    metrics_.commit_seconds.observe(Clock::now() - began);
    if (failure()) recovered();
    complete_.clear();
    committed(ops);
}

Result<> Journal::Writer::write(std::vector<Op>& ops) {
    const std::lock_guard lock(gate_);
    TRY(auto transaction, sqlite::Transaction::begin(rows_->database()));
    const std::int64_t first = next_seq_;
    Result<> written;
    for (Bucket& bucket : complete_)
        if (written) written = rows_->insert(bucket);
    for (Op& op : ops)
        if (written) written = write(op);
    if (written) written = write_segment();
    if (written) written = transaction.commit();
    if (written) return written;
    next_seq_ = first;
    segment_ = {};
    return written;
}

Result<> Journal::Writer::write(Op& op) {
    if (auto* event = std::get_if<Event>(&op)) {
        if (!segment_.room_for(event->record))
            if (auto r = write_segment(); !r) return r;
        if (segment_.empty()) segment_first_ = next_seq_;
        segment_.add(event->record, static_cast<std::uint16_t>(next_seq_ - segment_first_));
        if (event->ticket) event->ticket->seq = next_seq_;
        event->seq = next_seq_++;
        return {};
    }
    if (const auto* answer = std::get_if<Answer>(&op))
        return answer->ticket->seq > 0 && still_stored(answer->ticket->seq)
                   ? rows_->insert(answer->ticket->seq, answer->answer)
                   : Result<>();
    if (const auto* record = std::get_if<DeliveryRecord>(&op))
        return still_stored(record->seq) ? rows_->insert(*record) : Result<>();
    if (auto* commands = std::get_if<Commands>(&op)) {
        TRY(commands->numbers, rows_->insert(commands->records));
        return {};
    }
    if (const auto* end = std::get_if<CommandEnd>(&op)) return rows_->insert(*end);
    return rows_->set("delivered_before", std::get<Mark>(op).delivered_before);
}

// An operator may have erased the event meanwhile, and nothing about it must come back. Looked up only
// when somebody has written to the file.
bool Journal::Writer::still_stored(std::int64_t seq) {
    if (!others_wrote_ || (!segment_.empty() && seq >= segment_first_)) return true;
    const auto has = rows_->has(seq);
    return !has || *has;
}

Result<> Journal::Writer::write_segment() {
    if (segment_.empty()) return {};
    return rows_->insert(segment_first_, segment_.take());
}

void Journal::Writer::committed(std::vector<Op>& ops) {
    std::vector<Event> events;
    std::vector<Committed> to_deliver;
    std::size_t count = 0, bytes = 0;
    events.reserve(ops.size());
    for (Op& op : ops) {
        if (auto* commands = std::get_if<Commands>(&op)) answer(*commands, commands->numbers);
        auto* event = std::get_if<Event>(&op);
        if (!event) continue;
        ++count;
        bytes += event->record.size();
        index(*event);
        if (event->load) to_deliver.push_back({*event->seq, std::move(event->load)});
        if (event->done) events.push_back(std::move(*event));
    }
    metrics_.events.add(count);
    metrics_.bytes.add(bytes);
    if (count > 0) metrics_.batch_events.observe(static_cast<double>(count));
    if (!to_deliver.empty())
        asio::post(delivery_executor_,
                   [this, events = std::move(to_deliver)]() mutable { delivery_(std::move(events)); });
    answer(std::move(events));
}

void Journal::Writer::index(const Event& event) {
    using enum EventRecord::Field;
    const std::int64_t number = *event.seq >> kBucketBits;
    if (number != bucket_.number) {
        if (bucket_.last_at >= bucket_.first_at) complete_.push_back(std::move(bucket_));
        bucket_ = {};
    }
    const EventRecord record = *EventRecord::read(event.record);
    bucket_.add(*event.seq, record.received_at(), record[id], record[call], record[caller]);
}

// Call-backs of one executor go to it in one piece: one wake-up for a commit, not one for each event.
void Journal::Writer::answer(std::vector<Event> events) {
    std::vector<std::pair<asio::any_io_executor, std::vector<Event>>> groups;
    for (Event& event : events) {
        auto group = std::ranges::find_if(groups, [&](const auto& g) { return g.first == event.executor; });
        if (group == groups.end()) {
            group = groups.emplace(groups.end(), event.executor, std::vector<Event>());
            group->second.reserve(events.size());
        }
        group->second.push_back(std::move(event));
    }
    for (auto& [executor, group] : groups)
        asio::post(executor, [group = std::move(group)]() mutable {
            for (Event& event : group) event.done(std::move(event.seq));
        });
}

void Journal::Writer::answer(Commands& commands, Result<std::vector<std::int64_t>> numbers) {
    asio::post(commands.executor, [done = std::move(commands.done), numbers = std::move(numbers)]() mutable {
        done(std::move(numbers));
    });
}

// Events are refused; everything else is about events that are safe, and is kept for the next commit.
void Journal::Writer::refuse(std::vector<Op> ops, const Error& why) {
    std::vector<Event> events;
    for (Op& op : ops) {
        auto* event = std::get_if<Event>(&op);
        const auto* answered = std::get_if<Answer>(&op);
        if (auto* commands = std::get_if<Commands>(&op)) {
            answer(*commands, why);
            continue;
        }
        if (!event && !dead_ && (!answered || answered->ticket->seq > 0)) retained_.push_back(std::move(op));
        if (!event) continue;
        metrics_.refused.add();
        event->seq = why;
        if (event->ticket) event->ticket->seq = 0;
        if (event->done)
            events.push_back(std::move(*event));
        else
            lose(*event, why.what());
    }
    answer(std::move(events));
}

void Journal::Writer::lose(const Event& event, std::string_view why) {
    metrics_.lost_records.add();
    using enum EventRecord::Field;
    const EventRecord record = *EventRecord::read(event.record);
    log::warn("journal.record_lost", kv("id", record[id]), kv("type", record[type]), kv("call", record[call]),
              kv("why", why));
}

// Said once for each reason; while it lasts, every refused event carries it.
void Journal::Writer::fail(const Error& why) {
    const bool safe = leaves_no_doubt(why);
    if (!safe) dead_ = true;
    metrics_.up.set(0);
    metrics_.failures.add(reason_of(why));
    reopen_ = reopen_ || sqlite::primary_code(why) == SQLITE_READONLY;
    const std::string what = why.what() + (safe ? "" : "; what is on disk is in doubt: it needs a restart");
    const std::lock_guard lock(mutex_);
    if (failure_ == what) return;
    failure_ = what;
    log::error("journal.failed", kv("file", settings_.path.string()), kv("why", why.what()),
               kv("resumes", safe ? "by itself" : "after a restart"));
}

void Journal::Writer::recovered() {
    metrics_.up.set(1);
    const std::lock_guard lock(mutex_);
    if (usable_) asio::post(usable_executor_, std::exchange(usable_, nullptr));
    if (std::exchange(failure_, std::nullopt))
        log::info("journal.recovered", kv("file", settings_.path.string()));
}

}  // namespace hookswitch
