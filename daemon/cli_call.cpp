// The options of `hookswitch call`.

#include "daemon/cli_spec.hpp"

#include <algorithm>

namespace hookswitch::cli {
namespace {

constexpr const char* kDaemonGroup = "The daemon";
constexpr std::size_t kMostCalls = 1000;

Url admin_url(const std::string& text) {
    auto url = parse_url(text);
    if (!url) throw CLI::ValidationError("--admin", url.error().what());
    return *std::move(url);
}

void add_place(CLI::App* command, CallPlace& place) {
    auto* direct = command->add_flag("--direct", place.direct,
                                     "Ask the platform itself; without an [admin] in the configuration it is "
                                     "always asked itself");
    command
        ->add_option_function<std::string>(
            "--admin", [&place](const std::string& text) { place.admin = admin_url(text); },
            "Admin listener of the daemon, instead of admin.listen: http://127.0.0.1:8081, "
            "unix:/run/hookswitch/admin.sock")
        ->type_name("URL")
        ->excludes(direct)
        ->group(kDaemonGroup);
    command
        ->add_option("--token-file", place.token_file,
                     "File with the daemon's token, instead of admin.token_file; - for standard input")
        ->type_name("FILE")
        ->excludes(direct)
        ->group(kDaemonGroup);
    add_platform(command, place.platform);
}

void add_call(CLI::App* command, std::string& call) {
    command->add_option("CALL", call, "Id of the call")->required();
}

void add_json(CLI::App* command, bool& json) {
    command->add_flag("--json", json, "What the answer holds, as JSON");
}

void add_text(CLI::App* command, const char* name, std::optional<std::string>& value, const char* description,
              const char* type = "TEXT") {
    command
        ->add_option_function<std::string>(
            name, [&value](const std::string& text) { value = text; }, description)
        ->type_name(type);
}

void read_input_once(std::initializer_list<std::filesystem::path> files) {
    if (std::count(files.begin(), files.end(), "-") > 1)
        throw CLI::ValidationError("standard input can be read once, but several of its uses are \"-\"");
}

// Options that say where the platform is would be of no use to the daemon.
void settle_place(CallPlace& place) {
    const auto& platform = place.platform;
    const bool about_platform =
        platform.base_url || platform.era || !platform.api_key_file.empty() || !platform.ca_file.empty();
    if (about_platform && (place.admin || !place.token_file.empty()))
        throw CLI::ValidationError("name either the daemon (--admin, --token-file) or the platform");
    place.direct = place.direct || about_platform;
}

Spec control_spec(CLI::App* command, CallControl& args, CallCommand::Type type) {
    add_json(command, args.json);
    add_place(command, args.place);
    return {command, [&args, type]() -> Command {
                settle_place(args.place);
                read_input_once({args.text, args.place.token_file, args.place.platform.api_key_file});
                args.type = type;
                return args;
            }};
}

Spec say_command(CLI::App& call, CallControl& args) {
    auto* command =
        add(call, "say", "Let the assistant say something",
            "  hookswitch call say 5c4d030f-43e3-4e65-899e-8148521e660f 'One moment, I will look it up.'");
    add_call(command, args.call);
    command->add_option("TEXT", args.text, "What to say; - for standard input")->required();
    command->add_flag("--end-after", args.flag, "Hang up afterwards");
    return control_spec(command, args, CallCommand::Type::say);
}

Spec inject_command(CLI::App& call, CallControl& args) {
    auto* command = add(call, "inject", "Let the assistant know something",
                        "  hookswitch call inject 5c4d030f-43e3-4e65-899e-8148521e660f 'The code was right.' "
                        "--trigger-response");
    add_call(command, args.call);
    command->add_option("TEXT", args.text, "What it should know; - for standard input")->required();
    command->add_flag("--trigger-response", args.flag, "Let it react at once");
    return control_spec(command, args, CallCommand::Type::inject_context);
}

Spec transfer_command(CLI::App& call, CallControl& args) {
    auto* command = add(call, "transfer", "Connect the caller to somebody else",
                        "  hookswitch call transfer 5c4d030f-43e3-4e65-899e-8148521e660f +31201234567 \\\n"
                        "      --message 'I will put you through.'");
    add_call(command, args.call);
    command
        ->add_option("DESTINATION", args.text, "A number (+31201234567) or a SIP URI (sip:desk@example.com)")
        ->required();
    add_text(command, "--message", args.message, "Said before");
    return control_spec(command, args, CallCommand::Type::transfer);
}

Spec end_command(CLI::App& call, CallControl& args) {
    auto* command = add(call, "end", "End the call",
                        "  hookswitch call end 5c4d030f-43e3-4e65-899e-8148521e660f --message 'Goodbye.'");
    add_call(command, args.call);
    add_text(command, "--message", args.message, "Said before");
    return control_spec(command, args, CallCommand::Type::end_call);
}

Spec get_command(CLI::App& call, CallGet& args) {
    auto* command = add(call, "get", "What is known of a call",
                        "  hookswitch call get 5c4d030f-43e3-4e65-899e-8148521e660f\n"
                        "  hookswitch call get --direct call-_+31612345678_abc123");
    add_call(command, args.call);
    add_json(command, args.json);
    add_place(command, args.place);
    return {command, [&args]() -> Command {
                settle_place(args.place);
                read_input_once({args.place.token_file, args.place.platform.api_key_file});
                return args;
            }};
}

Spec list_command(CLI::App& call, CallList& args) {
    auto* command =
        add(call, "list", "Calls, newest first",
            "  hookswitch call list\n"
            "  hookswitch call list --all --caller +31612345678 --json | jq .id\n"
            "\n"
            "The daemon lists the calls that are running, the platform all of them. With --json:\n"
            "JSON Lines, one object for each call, no array around them.");
    add_text(command, "--status", args.status, "In this status: ringing, in-progress, ended, ...", "STATUS");
    add_text(command, "--direction", args.direction, "inbound, outbound or web (the daemon only)",
             "DIRECTION");
    add_text(command, "--caller", args.caller, "From this number (the daemon only)", "NUMBER");
    add_text(command, "--called", args.called, "To this number (the daemon only)", "NUMBER");
    command->add_flag("--all", args.all, "Calls that have ended, too");
    command->add_option("--limit", args.limit, "At most so many")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, kMostCalls))
        ->capture_default_str();
    add_json(command, args.json);
    add_place(command, args.place);
    return {command, [&args]() -> Command {
                settle_place(args.place);
                read_input_once({args.place.token_file, args.place.platform.api_key_file});
                return args;
            }};
}

void add_outbound_options(CLI::App* command, CallOutbound& args) {
    command->add_option("DESTINATION", args.destination, "Whom to call: +31612345678")->required();
    add_text(command, "--assistant", args.assistant, "Id of the assistant that speaks", "ID");
    add_text(command, "--from", args.number, "Id of the own number to call from; any if not given",
             "NUMBER_ID");
    add_text(command, "--first-message", args.first_message, "What it says first");
    add_text(command, "--context", args.context, "What it should know about this call (camel era)");
    command
        ->add_option("--assistant-file", args.assistant_file,
                     "A whole assistant for this call only, a JSON object; - for standard input")
        ->type_name("FILE");
    command
        ->add_option("--override-file", args.override_file,
                     "What differs from the assistant in this call, a JSON object; - for standard input")
        ->type_name("FILE");
}

Spec outbound_command(CLI::App& call, CallOutbound& args) {
    auto* command =
        add(call, "outbound", "Call somebody; always through the platform itself",
            "  hookswitch call outbound +31612345678 --assistant 17a0cb75-fa09-4bdd-9a44-92a70d829c88\n"
            "\n"
            "Prints the id of the call.");
    add_outbound_options(command, args);
    add_json(command, args.json);
    add_platform(command, args.platform);
    return {command, [&args]() -> Command {
                if (!args.assistant && args.assistant_file.empty())
                    throw CLI::ValidationError("who speaks: name --assistant or --assistant-file");
                if (args.assistant && !args.assistant_file.empty())
                    throw CLI::ValidationError("--assistant excludes --assistant-file");
                if (!args.assistant && !args.override_file.empty())
                    throw CLI::ValidationError("--override-file goes with --assistant");
                read_input_once({args.assistant_file, args.override_file, args.platform.api_key_file});
                return args;
            }};
}

}  // namespace

std::vector<Spec> call_commands(CLI::App& app, CallValues& values) {
    auto* family = add(app, "call", "Steer running calls, look at them, begin new ones",
                       "  hookswitch call say 5c4d030f-43e3-4e65-899e-8148521e660f 'One moment.'\n"
                       "\n"
                       "'hookswitch call COMMAND --help' shows the options of a command.");
    family->require_subcommand(1);
    return {say_command(*family, values.say),           inject_command(*family, values.inject),
            transfer_command(*family, values.transfer), end_command(*family, values.end),
            outbound_command(*family, values.outbound), get_command(*family, values.get),
            list_command(*family, values.list)};
}

}  // namespace hookswitch::cli
