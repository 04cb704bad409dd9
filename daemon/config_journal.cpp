// [journal]: where events are kept, and for how long.

#include "daemon/config_sections.hpp"
#include "daemon/core/units.hpp"

namespace hookswitch {

using namespace std::chrono_literals;

bool read_journal_settings(Table& in, JournalSettings& out) {
    bool on_disk = true;
    in.choose<bool>("sync", on_disk, {{"full", true}, {"off", false}});
    in.read_path("path", out.path);
    in.read("retention", out.retention, 0ms, 24h * 3650);
    in.read("report_retention", out.report_retention, 0ms, 24h * 3650);
    in.read_size("max_size", out.max_size, 0, std::size_t{1} << 50);
    return on_disk;
}

void read_journal(Table in, Config& config) {
    JournalSettings settings = *config.journal;
    const bool on_disk = read_journal_settings(in, settings);
    if (settings.retention > 0ms && settings.report_retention > settings.retention)
        in.mistake("report_retention", "is longer than retention, after which the whole event is gone");
    in.read("dedupe_window", config.dedupe_window, 0ms, 24h);
    if (!on_disk)
        in.warning("sync", "events are held in memory only: a crash loses what no handler has processed");
    in.finish();
    config.journal.reset();
    if (on_disk) config.journal = std::move(settings);
}

void read_delivery(Table& in, DeliverySettings& out) {
    in.read("ordered", out.ordered);
    const auto* node = in.find("retry");
    if (!node) return;
    out.retry.clear();
    if (node->is_array() && node->as_array()->empty()) return;  // one attempt, and no other
    for (const auto& item : in.items("retry")) {
        if (!item.ok) continue;
        const auto wait = parse_duration(item.text);
        if (!wait || *wait < 10ms || *wait > 24h * 7)
            in.mistake(*item.node, item.key, "'" + item.text + "' is not a duration between 10ms and 7d");
        else
            out.retry.push_back(*wait);
    }
}

}  // namespace hookswitch
