#pragma once

// What the descriptions of all commands have in common. Inside of cli.cpp and its parts; includes
// CLI11, which is heavy.

#include "daemon/cli.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch::cli {

/// A command's options and the value that they fill in.
struct Spec {
    CLI::App* app = nullptr;
    std::function<Command()> result;
};

std::string example(std::string_view lines);

CLI::App* add(CLI::App& app, const char* name, const char* description, std::string_view lines);

void add_config(CLI::App* command, std::filesystem::path& config);

/// Where the values of `hookswitch events ...` are while the command line is parsed.
struct EventsValues {
    CLI::App* family = nullptr;
    EventsList list;
    EventsShow show;
    EventsTail tail;
    EventsExport exported;
    EventsRedeliver redeliver;
    EventsPurge purge;
};

std::vector<Spec> events_commands(CLI::App& app, EventsValues& values);

}  // namespace hookswitch::cli
