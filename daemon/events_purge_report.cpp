#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"
#include "daemon/events_common.hpp"
#include "daemon/events_purge.hpp"

#include <spdlog/fmt/fmt.h>

namespace hookswitch {
namespace {

std::string types_text(const PurgeStep& erased) {
    std::string text;
    for (const auto& [type, count] : erased.types)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, one_line(type, 60));
    return text;
}

std::string time_json(const std::optional<Milliseconds>& time) {
    return time ? json_string(iso_time(*time)) : "null";
}

std::uint64_t freed(const PurgeReport& report) {
    return report.size_before > report.size ? report.size_before - report.size : 0;
}

}  // namespace

std::string purge_report_text(const PurgeReport& report) {
    const PurgeStep& erased = report.erased;
    const char* verb = report.dry_run ? "would erase" : "erased";
    std::string text = fmt::format("{} {}", verb, counted(erased.events, "event"));
    if (report.number) text += " of " + counted(report.calls, "call");
    if (erased.events > 0) text += ": " + types_text(erased);
    text += '\n';
    if (erased.first_at)
        text +=
            fmt::format("received from {} to {}\n", iso_time(*erased.first_at), iso_time(*erased.last_at));
    if (erased.bodies > 0)
        text += fmt::format("{} the bodies of {}\n", verb, counted(erased.bodies, "report"));
    if (report.dry_run) return text;
    text +=
        fmt::format("{} given back, {} left\n", size_for_people(freed(report)), size_for_people(report.size));
    if (report.number && report.complete()) text += "the number is nowhere in the journal's files any more\n";
    return text;
}

std::string purge_report_json(const PurgeReport& report) {
    const PurgeStep& erased = report.erased;
    std::string types;
    for (const auto& [type, count] : erased.types)
        types += fmt::format("{}{}:{}", types.empty() ? "" : ",", json_string(type), count);
    std::string out = fmt::format("{{\"dry_run\":{},\"events\":{},\"types\":{{{}}},\"bodies\":{}",
                                  report.dry_run, erased.events, types, erased.bodies);
    out += ",\"first_at\":" + time_json(erased.first_at) + ",\"last_at\":" + time_json(erased.last_at);
    if (!report.dry_run) out += fmt::format(",\"bytes_freed\":{},\"bytes\":{}", freed(report), report.size);
    if (report.number)
        out += fmt::format(",\"calls\":{},\"complete\":{}", report.calls,
                           report.dry_run      ? "null"
                           : report.complete() ? "true"
                                               : "false");
    return out + "}\n";
}

std::string purge_remainder(const PurgeReport& report, const std::string& file) {
    if (report.came_late > 0)
        return counted(report.came_late, "event") +
               " with this number came in meanwhile: run the command again";
    if (report.remains == PurgeReport::Remains::in_file)
        return "the events are erased, but the number is still somewhere in " + file +
               ", in what SQLite left of them: run the command again with the daemon stopped, then the whole "
               "file is "
               "written anew";
    return "the events are erased, but their bytes may still be in " + file +
           "-wal, which could not be emptied because somebody is reading or writing: run the command again "
           "when it is quiet, or with the daemon stopped";
}

}  // namespace hookswitch
