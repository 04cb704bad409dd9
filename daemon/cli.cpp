#include "daemon/cli_spec.hpp"
#include "daemon/core/units.hpp"

#include <algorithm>

namespace hookswitch::cli {

std::string example(std::string_view lines) { return "Example:\n" + std::string(lines); }

CLI::App* add(CLI::App& app, const char* name, const char* description, std::string_view lines) {
    auto* command = app.add_subcommand(name, description);
    command->footer(example(lines));
    return command;
}

void add_config(CLI::App* command, std::filesystem::path& config) {
    config = kUsualConfig;
    command->add_option("-c,--config", config, "Configuration file")
        ->type_name("FILE")
        ->capture_default_str();
}

namespace {

constexpr std::size_t kMaxConcurrency = 1000;  // each is a socket; the usual limit is 1024 of them

void add_duration(CLI::App* command, const char* name, std::chrono::milliseconds& value,
                  const char* description) {
    auto* option = command->add_option_function<std::string>(
        name,
        [&value, name](const std::string& text) {
            const auto duration = parse_duration(text);
            if (!duration)
                throw CLI::ValidationError(name,
                                           "'" + text + "' is not a duration such as \"5m\" or \"30s\"");
            value = *duration;
        },
        description);
    option->type_name("DURATION")->default_str(duration_text(value));
}

void add_secret(CLI::App* command, std::filesystem::path& file) {
    command->add_option("--secret-file", file, "File with the webhook secret; - for standard input")
        ->type_name("FILE")
        ->required();
}

CLI::Option* add_factor(CLI::App* command, const char* name, std::optional<double>& value,
                        const char* description) {
    auto* option = command->add_option_function<double>(
        name,
        [&value, name](const double& number) {
            // So written, a NaN is refused too.
            if (!(number >= 0.001 && number <= 1e6))
                throw CLI::ValidationError(name, "must be between 0.001 and 1000000");
            value = number;
        },
        description);
    return option->type_name("NUMBER");
}

void add_destination(CLI::App* command, Url& to, HttpClient::Settings& client) {
    command
        ->add_option_function<std::string>(
            "--to",
            [&to](const std::string& text) {
                auto url = parse_url(text);
                if (!url) throw CLI::ValidationError("--to", url.error().what());
                to = *std::move(url);
            },
            "http://HOST[:PORT]/PATH, https://... or unix:SOCKET:/PATH")
        ->type_name("URL")
        ->required();
    command->add_option("--ca-file", client.ca_file, "Certificate authorities to trust for https, PEM")
        ->type_name("FILE");
    add_duration(command, "--timeout", client.timeout, "Give up on a reply after this");
}

Spec serve_command(CLI::App& app, Serve& args) {
    auto* command = add(app, "serve", "Receive webhooks and answer them until SIGTERM, then drain",
                        "  hookswitch serve -c hookswitch.toml");
    add_config(command, args.config);
    command
        ->add_option_function<std::string>(
            "--log-format",
            [&args](const std::string& text) {
                args.log_format = log::format_named(text);
                if (!args.log_format)
                    throw CLI::ValidationError("--log-format",
                                               "'" + text + "' is not one of: auto, text, json, journald");
            },
            "auto, text, json or journald; instead of log.format")
        ->type_name("FORMAT");
    return {command, [&args] { return args; }};
}

Spec check_command(CLI::App& app, Check& args) {
    auto* command =
        add(app, "check", "Report every mistake in a configuration", "  hookswitch check -c hookswitch.toml");
    add_config(command, args.config);
    return {command, [&args] { return args; }};
}

Spec sign_command(CLI::App& app, Sign& args) {
    auto* command = add(app, "sign", "Print the X-Webhook-* header lines for a body",
                        "  hookswitch sign --secret-file secret body.json > headers\n"
                        "  curl -H @headers --data-binary @body.json http://127.0.0.1:8080/webhook");
    add_secret(command, args.secret_file);
    command->add_option("--timestamp", args.timestamp, "Unix time in seconds; now if not given")
        ->type_name("SECONDS")
        ->check(CLI::NonNegativeNumber);
    command->add_option("--event", args.event, "Event type; what the body says if not given")
        ->type_name("TYPE");
    command->add_option("FILE", args.body, "Body; - or nothing for standard input");
    return {command, [&args] { return args; }};
}

Spec verify_command(CLI::App& app, Verify& args) {
    auto* command = add(app, "verify", "Say whether a signature holds, and if not, why",
                        "  hookswitch verify --secret-file secret --timestamp 1767970608 \\\n"
                        "      --signature sha256=9b3c... --max-age 30d body.json");
    add_secret(command, args.secret_file);
    command->add_option("--timestamp", args.timestamp, "X-Webhook-Timestamp, as received")
        ->type_name("TEXT")
        ->required();
    command->add_option("--signature", args.signature, "X-Webhook-Signature, as received")
        ->type_name("TEXT")
        ->required();
    add_duration(command, "--max-age", args.max_age, "Greatest age of the timestamp");
    command->add_option("FILE", args.body, "Body; - or nothing for standard input");
    return {command, [&args] { return args; }};
}

Spec send_command(CLI::App& app, Send& args) {
    auto* command =
        add(app, "send", "Sign bodies now, post them, print status, time taken and reply",
            "  hookswitch send --to http://127.0.0.1:8080/webhook --secret-file secret body.json");
    add_destination(command, args.to, args.client);
    add_secret(command, args.secret_file);
    command->add_option("FILE", args.bodies, "Bodies; - for standard input")->required();
    return {command, [&args] { return args; }};
}

Spec replay_command(CLI::App& app, Replay& args) {
    auto* command =
        add(app, "replay", "Re-send recorded deliveries, re-signed now",
            "  hookswitch replay --to http://127.0.0.1:8080 --secret-file secret --compare calls.jsonl\n"
            "\n"
            "The path is that of the URL if it has one, else the recorded one. Exit status 0 if all\n"
            "replies were 2xx and, with --compare, equal; 130 after an interrupt.");
    add_destination(command, args.to, args.client);
    add_secret(command, args.secret_file);
    auto* rate =
        add_factor(command, "--rate", args.rate, "Deliveries a second, whether or not replies keep up");
    add_factor(command, "--speed", args.speed, "Keep the recorded pace, this many times as fast")
        ->excludes(rate);
    command
        ->add_option("--concurrency", args.concurrency,
                     "Deliveries in flight; those of one call stay in order")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, kMaxConcurrency))
        ->capture_default_str();
    command->add_flag("--compare", args.compare, "Replies must equal the recorded ones");
    command->add_flag("--json", args.json, "Print the summary as one JSON object");
    command
        ->add_option("RECORDING", args.recordings, "Recordings (JSON Lines) or bodies; - for standard input")
        ->required();
    return {command, [&args] { return args; }};
}

// Standard input can be read once: as the secret, or as one body.
bool shares_standard_input(const Command& command) {
    std::vector<std::filesystem::path> files;
    std::visit(
        [&files](const auto& args) {
            if constexpr (requires { args.secret_file; }) files.push_back(args.secret_file);
            if constexpr (requires { args.body; }) files.push_back(args.body);
            if constexpr (requires { args.bodies; })
                files.insert(files.end(), args.bodies.begin(), args.bodies.end());
            if constexpr (requires { args.recordings; })
                files.insert(files.end(), args.recordings.begin(), args.recordings.end());
        },
        command);
    return std::count(files.begin(), files.end(), "-") > 1;
}

Exit mistake(const std::string& command, const std::string& what) {
    const std::string name = command.empty() ? "hookswitch" : "hookswitch " + command;
    const std::string where = command.empty() ? "" : command + ": ";
    return {2, "hookswitch: " + where + what + ": see '" + name + " --help'\n"};
}

// "api numbers"; empty: the program itself.
std::string path_of(const CLI::App& family) {
    if (!family.get_parent()) return "";
    const std::string outer = path_of(*family.get_parent());
    return outer + (outer.empty() ? "" : " ") + family.get_name();
}

// CLI11 reports an unknown command as a missing one or as an excess argument. `words` follow the name
// of `family`.
std::optional<Exit> unknown_command(const CLI::App& family, std::vector<std::string> words) {
    const std::string first = words.empty() ? "" : words.front();
    if (first.starts_with('-')) return std::nullopt;
    std::string names;
    for (const CLI::App* command : family.get_subcommands({})) {
        if (command->get_name() == first && command->get_subcommands({}).empty()) return std::nullopt;
        if (command->get_name() == first)
            return unknown_command(*command, {std::next(words.begin()), words.end()});
        names += (names.empty() ? "" : ", ") + command->get_name();
    }
    const std::string of = path_of(family);
    if (first.empty()) return mistake(of, "no command given: there are " + names);
    return mistake(of, "'" + first + "' is not a command: there are " + names);
}

// The innermost command that was named: "events list".
std::string name_of(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    if (chosen.empty()) return "";
    const std::string inner = name_of(*chosen.front());
    return chosen.front()->get_name() + (inner.empty() ? "" : " " + inner);
}

Exit explain(CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return mistake(name_of(app), error.what());
    std::ostringstream text;  // --help, --version
    app.exit(error, text, text);
    return {0, text.str()};
}

}  // namespace

CommandLine::CommandLine(std::string_view api_resource)
    : app("Receives the webhooks of a voice platform and answers them while the caller waits.",
          "hookswitch") {
    app.set_version_flag("--version", "hookswitch " HOOKSWITCH_VERSION);
    app.require_subcommand(1);
    app.footer("'hookswitch COMMAND --help' shows the options of a command, with an example.\n" +
               example("  hookswitch serve -c hookswitch.toml"));
    specs = {serve_command(app, serve_),  check_command(app, check_),   doctor_command(app, doctor_),
             sign_command(app, sign_),    verify_command(app, verify_), send_command(app, send_),
             replay_command(app, replay_)};
    for (auto& spec : events_commands(app, events_)) specs.push_back(std::move(spec));
    for (auto& spec : call_commands(app, call_)) specs.push_back(std::move(spec));
    for (auto& spec : api_commands(app, api_, api_resource)) specs.push_back(std::move(spec));
    specs.push_back(simulate_command(app, simulate_));
}

Command parse(int argc, const char* const* argv) {
    const bool is_api = argc > 2 && argv[1] == std::string_view("api");
    CommandLine line(is_api ? argv[2] : "");
    CLI::App& app = line.app;
    if (auto unknown = unknown_command(app, {argv + 1, argv + std::max(argc, 1)})) return *unknown;
    try {
        app.parse(argc, argv);
        const auto chosen =
            std::ranges::find_if(line.specs, [](const Spec& spec) { return spec.app->parsed(); });
        Command command = chosen->result();
        if (shares_standard_input(command))
            return mistake(name_of(app),
                           "standard input cannot be both, the secret and a body, or two bodies");
        return command;
    } catch (const CLI::ParseError& error) {
        return explain(app, error);
    }
}

}  // namespace hookswitch::cli
