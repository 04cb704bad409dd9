#pragma once

// `hookswitch events ...` as values; part of cli.hpp.

#include "daemon/core/moment.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace hookswitch::cli {

/// Where the journal is: a file, or what the configuration says.
struct JournalPlace {
    std::filesystem::path config;
    std::filesystem::path journal;  // empty: as the configuration says
};

struct EventsFilter {
    std::optional<std::string> call, type, source, caller, state, handler;
    std::optional<Moment> since, until;

    bool empty() const {
        return !call && !type && !source && !caller && !state && !handler && !since && !until;
    }
};

struct EventsList {
    JournalPlace place;
    EventsFilter filter;
    std::size_t limit = 50;
    bool json = false;
};

struct EventsShow {
    JournalPlace place;
    std::string what;  // the id of an event or of a call
    bool raw = false, json = false;
};

struct EventsTail {
    JournalPlace place;
    EventsFilter filter;
    std::size_t last = 10;
    bool json = false;
};

struct EventsExport {
    JournalPlace place;
    EventsFilter filter;
    std::filesystem::path output = "-";  // -: standard output
    bool redact = false;
};

struct EventsRedeliver {
    JournalPlace place;
    EventsFilter filter;
    std::vector<std::string> ids;
    bool dead = false, dry_run = false, json = false;
};

struct EventsPurge {
    JournalPlace place;
    std::optional<std::string> caller;
    std::optional<std::chrono::milliseconds> older_than;
    bool dry_run = false, json = false;
};

}  // namespace hookswitch::cli
