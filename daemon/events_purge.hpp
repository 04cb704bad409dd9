#pragma once

// What `hookswitch events purge` erased, and how it says so. Inside of events_purge.cpp.

#include "daemon/io/journal_purge.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace hookswitch {

struct PurgeReport {
    /// Whether the number is still in the bytes of the files.
    enum class Remains { none, in_file, in_log };

    bool dry_run = false;
    PurgeStep erased;
    std::optional<std::string> number;
    std::size_t calls = 0;      // with `number`
    std::size_t came_late = 0;  // events with `number` that arrived meanwhile
    std::uint64_t size_before = 0, size = 0;
    bool log_emptied = true;
    Remains remains = Remains::none;

    bool complete() const {
        return !number || dry_run || (log_emptied && remains == Remains::none && !came_late);
    }
};

std::string purge_report_text(const PurgeReport& report);
std::string purge_report_json(const PurgeReport& report);

/// What is left to do where the report is not complete().
std::string purge_remainder(const PurgeReport& report, const std::string& file);

}  // namespace hookswitch
