// The options of `hookswitch simulate` that are about the REST API, and the command as a whole.

#include "daemon/cli_simulate_calls.hpp"
#include "daemon/cli_spec.hpp"
#include "daemon/simulator/play_faults.hpp"

#include <algorithm>
#include <string>

namespace hookswitch::cli {
namespace {

using simulator::RestSettings;

const char* const kRest = "REST API";
constexpr int kMost = 1'000'000'000;

CLI::Option* in_group(CLI::Option* option) { return option->group(kRest); }

// An option that is one of a few words.
template <class Set>
void add_choice(CLI::App* command, const char* name, std::vector<std::string> words, const char* description,
                Set set) {
    in_group(command->add_option_function<std::string>(name, set, description))
        ->check(CLI::IsMember(words))
        ->type_name("WORD")
        ->default_str(words.front());
}

void add_listener(CLI::App* command, Simulate& args) {
    RestSettings& rest = args.rest;
    in_group(command->add_option("--listen", rest.listen,
                                 "Serve the REST API at HOST:PORT (0: any) or unix:SOCKET until SIGTERM"))
        ->type_name("ADDRESS");
    in_group(command->add_option("--api-key-file", args.api_key_files,
                                 "File with an API key that is accepted; - for standard input; several"))
        ->type_name("FILE");
    auto* tls = in_group(command->add_flag("--tls", rest.tls.on,
                                           "HTTPS, with a certificate of its own for "
                                           "localhost, 127.0.0.1 and ::1"));
    in_group(
        command->add_option("--tls-ca", rest.tls.ca, "Write that certificate here, for clients' --ca-file"))
        ->type_name("FILE")
        ->needs(tls);
    auto* certificate = in_group(
        command->add_option("--tls-cert", rest.tls.certificate, "One's own certificate chain instead, PEM"));
    auto* key = in_group(command->add_option("--tls-key", rest.tls.key, "Its key, PEM"));
    certificate->type_name("FILE")->needs(tls)->needs(key);
    key->type_name("FILE")->needs(certificate);
    add_choice(command, "--tls-certificate", {"good", "expired", "wrong-host"},
               "What is wrong with the certificate that is made", [&rest](const std::string& word) {
                   using simulator::CertificateFault;
                   rest.tls.fault = word == "expired"      ? CertificateFault::expired
                                    : word == "wrong-host" ? CertificateFault::wrong_host
                                                           : CertificateFault::none;
               });
}

void add_manners(CLI::App* command, RestSettings& rest) {
    add_choice(command, "--era", {"camel", "snake", "late"}, "Paths, names and envelopes of this time",
               [&rest](const std::string& word) { rest.era = era_named(word).value(); });
    add_choice(
        command, "--errors", {"documented", "A", "B", "C", "D", "E", "F"},
        "Shape of errors: as each is documented, or always the same",
        [&rest](const std::string& word) { rest.errors = simulator::error_shape_named(word).value(); });
    add_choice(command, "--create-status", {"201", "200"}, "Status after something is created",
               [&rest](const std::string& word) { rest.create_says_200 = word == "200"; });
    add_choice(command, "--delete-status", {"200", "204"}, "Status after something is deleted",
               [&rest](const std::string& word) { rest.delete_says_nothing = word == "204"; });
    add_choice(command, "--large-limit", {"clamp", "refuse"}, "What becomes of ?limit= above 1000",
               [&rest](const std::string& word) { rest.clamp_limit = word == "clamp"; });
    add_choice(command, "--unknown-members", {"ignore", "refuse"},
               "What becomes of members of a body that no document knows",
               [&rest](const std::string& word) { rest.refuse_unknown = word == "refuse"; });
    in_group(command->add_option("--balance", rest.balance,
                                 "Minutes of credit; without any, outbound calls are refused with 402"))
        ->type_name("MINUTES")
        ->check(CLI::Range(0, kMost))
        ->capture_default_str();
    in_group(command->add_option("--campaign-lines", rest.campaign_lines, "Calls of a campaign at a time"))
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}))
        ->capture_default_str();
    in_group(command->add_flag("--empty", rest.empty, "Begin without an assistant and a number"));
}

void add_limits(CLI::App* command, RestSettings& rest) {
    add_choice(
        command, "--rate-limits", {"fixed", "sliding", "off"}, "Kind of the windows, a minute long",
        [&rest](const std::string& word) { rest.window = simulator::window_kind_named(word).value(); });
    in_group(command->add_option("--key-limit", rest.per_key, "Requests a minute for each API key"))
        ->type_name("N")
        ->check(CLI::Range(1, kMost))
        ->capture_default_str();
    in_group(command->add_option("--call-limit", rest.per_call, "Commands a minute for each call"))
        ->type_name("N")
        ->check(CLI::Range(1, kMost))
        ->capture_default_str();
}

// Both sides' faults are one option: whoever tries a client knows what is to happen, not where.
void add_faults(CLI::App* command, Simulate& args) {
    command
        ->add_option_function<std::vector<std::string>>(
            "--fault",
            [&args](const std::vector<std::string>& faults) {
                for (const std::string& fault : faults) {
                    const auto added = simulator::is_rest_fault(fault)
                                           ? simulator::add_fault(args.rest.faults, fault)
                                           : simulator::add_delivery_fault(args.play.faults, fault);
                    if (!added) throw CLI::ValidationError("--fault", added.error().what());
                }
            },
            "What goes wrong, for a share of requests: rest-429=5%, rest-5xx=10%, rest-hang=1%, "
            "rest-garbage=2%, "
            "rest-cut=1%, rest-slow=500ms, tls-failure=5%; or of deliveries: duplicate=5%, reorder=10%, "
            "drop=1%, "
            "delay=10%:2s, wrong-signature=2%; several")
        ->type_name("FAULT");
    command
        ->add_option_function<std::uint64_t>(
            "--seed", [&args](std::uint64_t seed) { args.rest.seed = args.play.seed = seed; },
            "The same seed gives the same faults; ids differ every time")
        ->type_name("N")
        ->default_str("1");
}

// What nobody listens to is a mistake. The era tells calls their dialect, too.
void check_unlistened(const CLI::App& command) {
    for (const CLI::Option* option : command.get_options())
        if (option->get_group() == kRest && option->count() > 0 && option->get_name() != "--era")
            throw CLI::ValidationError(option->get_name() + " needs --listen");
    for (const std::string& fault : command.get_option("--fault")->results())
        if (simulator::is_rest_fault(fault))
            throw CLI::ValidationError("--fault", "'" + fault + "' needs --listen");
}

// What no option can know by itself.
Simulate checked(const CLI::App& command, const Simulate& args) {
    auto files = args.api_key_files;
    files.push_back(args.play.secret_file);
    if (std::ranges::count(files, "-") > 1)
        throw CLI::ValidationError("standard input cannot be two secrets");
    if (args.rest.listen.empty() && args.play.scenarios.empty())
        throw CLI::ValidationError("there is nothing to do: give --listen, or --to and --scenario");
    if (!args.rest.listen.empty() && args.api_key_files.empty())
        throw CLI::ValidationError("--listen needs --api-key-file");
    if (!args.play.scenarios.empty() && !args.play.to)
        throw CLI::ValidationError("--scenario needs --to: whom are calls to be played at");
    if (args.play.stay && args.rest.listen.empty()) throw CLI::ValidationError("--stay needs --listen");
    if (args.rest.listen.empty()) check_unlistened(command);
    Simulate complete = args;
    complete.play.usual = simulator::webhook_dialect_named(name_of(args.rest.era)).value();
    return complete;
}

}  // namespace

Spec simulate_command(CLI::App& app, Simulate& args) {
    auto* command =
        add(app, "simulate",
            "The voice platform on this machine: its REST API, and whole calls played at a receiver",
            "  hookswitch simulate --listen 127.0.0.1:9090 --api-key-file key --tls --tls-ca ca.pem\n"
            "  hookswitch api assistants list --base-url https://127.0.0.1:9090/api/v1 \\\n"
            "      --api-key-file key --ca-file ca.pem\n"
            "\n"
            "  hookswitch simulate --to http://127.0.0.1:8080/webhook --secret-file secret \\\n"
            "      --scenario inbound-camel --compare\n"
            "  hookswitch simulate --to http://127.0.0.1:8080/webhook --secret-file secret \\\n"
            "      --scenario tools-parallel --calls 10000 --concurrent 500\n"
            "\n"
            "  hookswitch simulate --listen 127.0.0.1:9090 --api-key-file key --era late \\\n"
            "      --fault rest-5xx=10% --fault rest-hang=1% --seed 7\n"
            "\n"
            "With scenarios it ends after the last call: status 0 if all went as expected, else 1;\n"
            "130 after an interrupt. Without, or with --stay, it serves until SIGTERM or Ctrl-C.");
    add_faults(command, args);
    add_listener(command, args);
    add_manners(command, args.rest);
    add_limits(command, args.rest);
    add_play_options(command, args.play);
    return {command, [command, &args] { return checked(*command, args); }};
}

}  // namespace hookswitch::cli
