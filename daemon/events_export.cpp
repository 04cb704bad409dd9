// `hookswitch events export`.

#include "daemon/core/recording.hpp"
#include "daemon/core/redaction.hpp"
#include "daemon/events_common.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace hookswitch {
namespace {

constexpr std::size_t kPage = 200;  // events with their bodies, in memory at once

struct Counts {
    std::size_t written = 0, erased = 0;
};

// Told-only events got this as soon as they were safe.
const RecordedReply kAcknowledged{200, "{}"};

RecordedDelivery delivery_of(const StoredEvent& event) {
    RecordedDelivery delivery;
    delivery.received_at = event.received_at;
    delivery.source = event.source;
    read_request_head(event.head, delivery);
    delivery.body = *event.body;
    if (!event.waited_for)
        delivery.reply = kAcknowledged;
    else if (event.answer)
        delivery.reply = RecordedReply{event.answer->status, event.answer->body};
    return delivery;
}

Result<Redaction> new_redaction() {
    std::string key(32, '\0');
    if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
        return fail({errno, boost::system::system_category()}, "draw random bytes");
    return Redaction(std::move(key));
}

// It is full of telephone numbers and conversations.
Result<> create_private(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return fail({errno, boost::system::system_category()}, "create " + file.string());
    struct stat is {};
    const bool regular = ::fstat(fd, &is) == 0 && S_ISREG(is.st_mode);
    if (regular) (void)::fchmod(fd, 0600);
    ::close(fd);
    return {};
}

Result<std::string> line_of(const StoredEvent& event, const std::optional<Redaction>& redaction) {
    RecordedDelivery delivery = delivery_of(event);
    if (redaction) {
        auto redacted = redaction->redact(std::move(delivery));
        if (!redacted) return std::move(redacted).error().in("redact event " + event.id);
        delivery = *std::move(redacted);
    }
    return delivery_line(delivery) + "\n";
}

Result<Counts> write_all(JournalReader& reader, EventFilter filter, const std::optional<Redaction>& redaction,
                         std::ostream& out, const Console& console) {
    Counts counts;
    ProgressLine progress(console);
    filter.oldest_first = true;
    filter.limit = kPage;
    for (;;) {
        TRY(const auto events, reader.read(filter));
        for (const StoredEvent& event : events) {
            filter.after = event.seq;
            if (!event.body) {
                ++counts.erased;
                continue;
            }
            TRY(const auto line, line_of(event, redaction));
            errno = 0;
            if (!(out << line))
                return fail({errno ? errno : EIO, boost::system::system_category()}, "write the recording");
            ++counts.written;
        }
        progress.show("exported", counts.written);
        if (events.size() < kPage) break;
    }
    if (!out.flush())
        return fail({errno ? errno : EIO, boost::system::system_category()}, "write the recording");
    return counts;
}

}  // namespace

int run(const cli::EventsExport& args, const Console& console) {
    const auto failed = [&](const Error& error) {
        return complain(console, "events export: " + explain_journal(error).what());
    };
    auto reader = open_reader(args.place);
    if (!reader) return complain(console, "events export: " + reader.error().what());
    std::optional<Redaction> redaction;
    if (args.redact) {
        auto made = new_redaction();
        if (!made) return failed(made.error());
        redaction = *std::move(made);
    }
    std::ofstream file;
    if (args.output != "-") {
        if (auto r = create_private(args.output); !r) return failed(r.error());
        file.open(args.output, std::ios::binary | std::ios::trunc);
    }
    std::ostream& out = args.output == "-" ? console.out : file;
    const auto counts = write_all(*reader, filter_of(args.filter, wall_now()), redaction, out, console);
    if (!counts) return failed(counts.error());
    if (counts->erased > 0)
        console.err << "left out " << counted(counts->erased, "event")
                    << " whose body was erased by retention\n";
    if (args.output != "-")
        console.err << "exported " << counted(counts->written, "event") << " to " << args.output.string()
                    << '\n';
    return 0;
}

}  // namespace hookswitch
