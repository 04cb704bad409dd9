#include "daemon/cli_simulate_calls.hpp"

#include "daemon/core/units.hpp"

#include <CLI/CLI.hpp>

#include <string>

namespace hookswitch::cli {
namespace {

using simulator::CallIds;
using simulator::PlaySettings;
using simulator::SignatureStyle;

constexpr std::size_t kMostCalls = 100'000'000;
constexpr std::size_t kMostAtOnce = 100'000;
const char* const kCalls = "Calls";

CLI::Option* in_group(CLI::Option* option) { return option->group(kCalls); }

void add_duration(CLI::App* command, const char* name, std::chrono::milliseconds& value,
                  const char* description) {
    in_group(command->add_option_function<std::string>(
                 name,
                 [&value, name](const std::string& text) {
                     const auto duration = parse_duration(text);
                     if (!duration)
                         throw CLI::ValidationError(
                             name, "'" + text + "' is not a duration such as \"5s\" or \"250ms\"");
                     value = *duration;
                 },
                 description))
        ->type_name("DURATION")
        ->default_str(duration_text(value));
}

template <class Set>
void add_number(CLI::App* command, const char* name, double least, double most, const char* description,
                Set set) {
    in_group(command->add_option_function<double>(
                 name,
                 [=](const double& number) {
                     // So written, a NaN is refused too.
                     if (!(number >= least && number <= most))
                         throw CLI::ValidationError(name, "must be between " + CLI::detail::to_string(least) +
                                                              " and " + CLI::detail::to_string(most));
                     set(number);
                 },
                 description))
        ->type_name("NUMBER");
}

void add_receiver(CLI::App* command, PlaySettings& settings) {
    in_group(command->add_option_function<std::string>(
                 "--to",
                 [&settings](const std::string& text) {
                     auto url = parse_url(text);
                     if (!url) throw CLI::ValidationError("--to", url.error().what());
                     settings.to = *std::move(url);
                 },
                 "The account's webhook: http://HOST[:PORT]/PATH, https://... or unix:SOCKET:/PATH"))
        ->type_name("URL");
    in_group(command->add_option("--secret-file", settings.secret_file,
                                 "File with the webhook secret; - for standard input; without it nothing is "
                                 "signed"))
        ->type_name("FILE");
    in_group(
        command->add_option("--ca-file", settings.ca_file, "Certificate authorities to trust for https, PEM"))
        ->type_name("FILE");
    in_group(command->add_option_function<std::string>(
                 "--signature",
                 [&settings](const std::string& style) {
                     settings.signature = style == "prefixed" ? SignatureStyle::prefixed
                                          : style == "bare"   ? SignatureStyle::bare
                                          : style == "none"   ? SignatureStyle::none
                                                              : SignatureStyle::wrong;
                 },
                 "How deliveries are signed: prefixed (sha256=...), bare (only the digits), none, wrong"))
        ->check(CLI::IsMember({"prefixed", "bare", "none", "wrong"}))
        ->type_name("STYLE")
        ->default_str("prefixed");
}

void add_course(CLI::App* command, PlaySettings& settings) {
    in_group(command->add_option("--scenario", settings.scenarios,
                                 "Scenario to play: a file or the name of one that is installed; several are "
                                 "played in turn"))
        ->type_name("NAME");
    in_group(
        command->add_option("--scenarios", settings.scenario_directory, "Where scenarios are looked for"))
        ->type_name("DIR");
    in_group(command->add_option("--calls", settings.calls, "Calls to play; each scenario once if not given"))
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, kMostCalls));
    in_group(command->add_option("--concurrent", settings.concurrent,
                                 "Calls at the same time; 1, with --calls 100, if not given"))
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, kMostAtOnce));
    add_number(command, "--rate", 0.001, 1e6, "Calls started a second, as far as --concurrent allows",
               [&settings](double rate) { settings.rate = rate; });
    add_number(command, "--speed", 0.001, 1e6, "Let waits on calls pass so many times as fast",
               [&settings](double speed) { settings.speed = speed; });
    in_group(command->add_option_function<std::string>(
                 "--dialect",
                 [&settings](const std::string& name) {
                     settings.dialect = simulator::webhook_dialect_named(name);
                 },
                 "Dialect of the webhooks, instead of what scenarios say"))
        ->check(CLI::IsMember({"camel", "snake", "late", "legacy"}))
        ->type_name("DIALECT");
    in_group(command->add_option_function<std::string>(
                 "--call-ids",
                 [&settings](const std::string& form) {
                     settings.ids = form == "rest" ? CallIds::rest : CallIds::uuid;
                 },
                 "Form of a call's id: uuid, or rest (call-_+31612345678_k3j9x2aq)"))
        ->check(CLI::IsMember({"uuid", "rest"}))
        ->type_name("FORM")
        ->default_str("uuid");
    add_duration(command, "--talk", settings.talk,
                 "How long people stay who are dialled over the REST API, unless a scenario is outbound");
}

void add_platform(CLI::App* command, PlaySettings& settings) {
    add_duration(command, "--assistant-limit", settings.assistant_limit,
                 "How long an assistant-request waits for its answer");
    add_duration(command, "--tool-limit", settings.tool_limit, "How long tool-calls wait for their answer");
    add_duration(command, "--told-limit", settings.told_limit,
                 "How long status-update and end-of-call-report wait for a 2xx");
    in_group(command->add_option_function<std::string>(
                 "--unusable",
                 [&settings](const std::string& what) { settings.reject_unusable = what == "reject"; },
                 "What becomes of a call whose assistant-request is answered other than 2xx or not in JSON: "
                 "default (the saved configuration) or reject"))
        ->check(CLI::IsMember({"default", "reject"}))
        ->type_name("WHAT")
        ->default_str("default");
    in_group(command->add_option("--attempts", settings.attempts, "Attempts of a delivery that fails"))
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, std::size_t{100}))
        ->capture_default_str();
    add_duration(command, "--attempt-delay", settings.attempt_delay, "Between two attempts");
}

void add_outcome(CLI::App* command, PlaySettings& settings) {
    in_group(command->add_flag("--compare", settings.compare, "What scenarios expect has to come of them"));
    in_group(command->add_option("--record", settings.record,
                                 "Write deliveries and answers to this file, for `hookswitch replay`"))
        ->type_name("FILE");
    in_group(command->add_flag("--stay", settings.stay, "Go on serving the REST API after the last call"));
    in_group(command->add_flag("--json", settings.json, "Print the summary as one JSON object"));
}

}  // namespace

void add_play_options(CLI::App* command, PlaySettings& settings) {
    add_receiver(command, settings);
    add_course(command, settings);
    add_platform(command, settings);
    add_outcome(command, settings);
}

}  // namespace hookswitch::cli
