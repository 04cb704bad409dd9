#include "daemon/cli_spec.hpp"

#include <algorithm>

namespace hookswitch::cli {
namespace {

bool is_unit_name(const std::string& name) {
    const auto fits = [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.' || c == '@';
    };
    return !name.empty() && name.front() != '-' && std::ranges::all_of(name, fits);
}

std::string unit_name(std::string name) {
    constexpr std::string_view kSuffix = ".service";
    if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
    if (!is_unit_name(name)) throw CLI::ValidationError("--unit", "'" + name + "' is no name of a unit");
    return name;
}

Url webhook_url(const std::string& text) {
    auto url = parse_url(text);
    if (!url) throw CLI::ValidationError("--url", url.error().what());
    return *std::move(url);
}

}  // namespace

Spec doctor_command(CLI::App& app, Doctor& args) {
    auto* command =
        add(app, "doctor", "Look for what could go wrong, and say what to do about it",
            "  sudo hookswitch doctor --url https://hooks.example.com/webhook\n"
            "\n"
            "Looks at the configuration, secrets, clock, disk, listeners, service, platform, running daemon\n"
            "and handlers, and changes none of them. Each worker is started once more, beside those of the\n"
            "daemon (as the service's user; --no-start leaves it out). With --url a signed probe goes the\n"
            "way of the platform's webhooks, and the daemon says how it looked on arrival; it is no event.\n"
            "Exit status 0 if nothing failed.");
    add_config(command, args.config);
    command
        ->add_option_function<std::string>(
            "--url", [&args](const std::string& text) { args.url = webhook_url(text); },
            "Where the platform posts to, proxy and path included")
        ->type_name("URL");
    command->add_option("--ca-file", args.ca_file, "Certificate authorities to trust for --url, PEM")
        ->type_name("FILE");
    command
        ->add_option_function<std::string>(
            "--unit", [&args](const std::string& text) { args.unit = unit_name(text); },
            "systemd's name of the service")
        ->type_name("NAME")
        ->default_str(args.unit);
    command->add_flag("--no-start", args.no_start, "Do not start the handlers' programs");
    command->add_flag("--json", args.json, "Print one JSON object");
    return {command, [&args] { return args; }};
}

}  // namespace hookswitch::cli
