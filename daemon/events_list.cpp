// `hookswitch events list` and `tail`.

#include "daemon/event_json.hpp"
#include "daemon/events_common.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

namespace hookswitch {
namespace {

constexpr std::size_t kPage = 1000;
constexpr timespec kPoll{0, 250'000'000}, kAtOnce{0, 0};

void print(const Console& console, const std::vector<EventRow>& events, bool json) {
    for (const EventRow& event : events) {
        std::string line;
        if (json) {
            append_event_json(line, event);
            line += '\n';
        } else {
            line = event_table_line(event);
        }
        console.out << line;
    }
    console.out.flush();
}

// SIGINT and SIGTERM as something to wait for, and a closed pipe as something to notice.
class Interruption {
public:
    Interruption() {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGINT);
        sigaddset(&signals_, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &signals_, &before_);
        struct sigaction ignore {};
        ignore.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &ignore, &pipe_before_);
    }
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;
    ~Interruption() {
        sigaction(SIGPIPE, &pipe_before_, nullptr);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

    /// Waits so long for one; true: it is over.
    bool within(const timespec& time) const {
        if (sigtimedwait(&signals_, nullptr, &time) > 0) return true;
        pollfd output{STDOUT_FILENO, 0, 0};
        return ::poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
    }

private:
    sigset_t signals_{}, before_{};
    struct sigaction pipe_before_ {};
};

// Reads what is new since the last time.
class Follower {
public:
    Follower(JournalReader& reader, EventFilter filter) : reader_(reader), filter_(std::move(filter)) {}

    Result<std::vector<EventRow>> last(std::size_t count) {
        TRY(filter_.after, reader_.newest());
        EventFilter newest = filter_;
        newest.after = 0;
        newest.limit = count;
        TRY(auto rows, reader_.list(newest));
        std::ranges::reverse(rows);
        if (!rows.empty()) filter_.after = std::max(filter_.after, rows.back().seq);
        return rows;
    }

    Result<std::vector<EventRow>> next() {
        TRY(const auto newest, reader_.newest());
        if (newest <= filter_.after) return std::vector<EventRow>();
        filter_.oldest_first = true;
        filter_.limit = kPage;
        TRY(auto rows, reader_.list(filter_));
        // What does not match need not be looked at again, unless there is more that does.
        const auto seen = rows.empty() ? 0 : rows.back().seq;
        filter_.after = rows.size() == kPage ? seen : std::max(newest, seen);
        return rows;
    }

private:
    JournalReader& reader_;
    EventFilter filter_;
};

}  // namespace

int run(const cli::EventsList& args, const Console& console) {
    auto reader = open_reader(args.place);
    if (!reader) return complain(console, "events list: " + reader.error().what());
    EventFilter filter = filter_of(args.filter, wall_now());
    filter.limit = args.limit;
    const auto events = reader->list(filter);
    if (!events) return complain(console, "events list: " + explain_journal(events.error()).what());
    if (!args.json && !events->empty()) console.out << event_table_head();
    print(console, *events, args.json);
    if (events->empty() && !args.json) console.err << "no event is like that\n";
    return 0;
}

int run(const cli::EventsTail& args, const Console& console) {
    const Interruption interruption;
    auto reader = open_reader(args.place);
    if (!reader) return complain(console, "events tail: " + reader.error().what());
    Follower follower(*reader, filter_of(args.filter, wall_now()));
    if (!args.json) console.out << event_table_head();
    auto events = follower.last(args.last);
    for (;;) {
        if (!events) return complain(console, "events tail: " + explain_journal(events.error()).what());
        print(console, *events, args.json);
        if (!console.out || interruption.within(events->size() < kPage ? kPoll : kAtOnce)) return 0;
        events = follower.next();
    }
}

}  // namespace hookswitch
