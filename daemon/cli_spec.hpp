#pragma once

// What the descriptions of all commands have in common. Inside of cli.cpp and its parts; includes
// CLI11, which is heavy.

#include "daemon/cli.hpp"
#include "daemon/cli_platform.hpp"

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

/// The options that say where the platform is.
void add_platform(CLI::App* command, PlatformPlace& place);

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

/// Where the values of `hookswitch call ...` are while the command line is parsed.
struct CallValues {
    CallControl say, inject, transfer, end;
    CallGet get;
    CallList list;
    CallOutbound outbound;
};

std::vector<Spec> call_commands(CLI::App& app, CallValues& values);

/// `chosen`: the resource that was named; the others get no verbs.
std::vector<Spec> api_commands(CLI::App& app, Api& args, std::string_view chosen);

Spec simulate_command(CLI::App& app, Simulate& args);

Spec doctor_command(CLI::App& app, Doctor& args);

/// The whole command line before it is parsed, and where its values go. The manual and the shells'
/// completions are made from it too. Of `hookswitch api` it has only the verbs of `api_resource`.
class CommandLine {
public:
    explicit CommandLine(std::string_view api_resource);
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    CLI::App app;
    std::vector<Spec> specs;

private:
    Serve serve_;
    Check check_;
    Sign sign_;
    Verify verify_;
    Send send_;
    Replay replay_;
    EventsValues events_;
    CallValues call_;
    Api api_;
    Simulate simulate_;
    Doctor doctor_;
};

}  // namespace hookswitch::cli
