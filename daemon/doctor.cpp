#include "daemon/doctor.hpp"

#include "daemon/commands.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/lines.hpp"
#include "daemon/io/terminal_line.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace hookswitch {
namespace {

using Status = Finding::Status;

std::string_view name_of(Status status) {
    constexpr std::array<std::string_view, 4> kNames{"ok", "warn", "fail", "skip"};
    return kNames[static_cast<std::size_t>(status)];
}

std::size_t count(const Findings& findings, Status status) {
    return static_cast<std::size_t>(std::ranges::count(findings.all(), status, &Finding::status));
}

std::string text_of(const Finding& finding) {
    std::string text = fmt::format("{:<5} {:<14} {}\n", name_of(finding.status), finding.check, finding.what);
    if (!finding.todo.empty()) text += fmt::format("{:<20} -> {}\n", "", finding.todo);
    return text;
}

std::string json_of(const Findings& findings) {
    std::string out = "{\"findings\":[";
    for (const Finding& finding : findings.all()) {
        if (out.back() != '[') out += ',';
        out.append("{\"check\":").append(json_string(finding.check));
        out.append(",\"status\":").append(json_string(name_of(finding.status)));
        out.append(",\"what\":").append(json_string(finding.what));
        out.append(",\"do\":").append(finding.todo.empty() ? "null" : json_string(finding.todo)).append("}");
    }
    return out + fmt::format("],\"ok\":{},\"warn\":{},\"fail\":{},\"skip\":{}}}\n",
                             count(findings, Status::ok), count(findings, Status::warn),
                             count(findings, Status::fail), count(findings, Status::skip));
}

std::optional<Config> check_config(const std::filesystem::path& file, Findings& findings) {
    auto config = load_config(file);
    if (config) {
        for (const std::string& warning : config->warnings) findings.warn(warning, "see to it, or leave it");
        findings.ok(fmt::format("{}: {} source(s), {} handler(s), {} route(s)", file.string(),
                                config->sources.size(), config->handlers.size(), config->routes.size()));
        return *std::move(config);
    }
    const bool faulty = config.error() == Errc::invalid_config;
    for_each_line(config.error().what(), [&](std::string_view line) {
        const bool credential = line.find("CREDENTIALS_DIRECTORY") != std::string_view::npos;
        findings.fail(std::string(line),
                      credential
                          ? "run it as root, with the service installed: its credentials are for nobody else"
                      : faulty ? "mend it; `hookswitch check` lists all mistakes"
                               : "name the configuration with -c, and run it as somebody who may read it");
    });
    return std::nullopt;
}

void examine(const cli::Doctor& args, TerminalLine& progress, Findings& findings) {
    const auto begin = [&](std::string_view check) {
        findings.begin(check);
        progress.show("looking at the " + std::string(check));
    };
    begin("configuration");
    const Unit service = Unit::look_up(args.unit + ".service"), socket = Unit::look_up(args.unit + ".socket");
    find_credentials(service, findings);
    const auto config = check_config(args.config, findings);
    begin("secrets");
    check_secrets(args.config, service, findings);
    if (!config) {
        findings.begin("rest");
        return findings.skip("clock, disk, service and all else: needs a configuration without mistakes");
    }
    const std::pair<std::string_view, std::function<void()>> checks[] = {
        {"clock", [&] { check_clock(*config, findings); }},
        {"disk", [&] { check_disk(*config, service, findings); }},
        {"service", [&] { check_service(service, socket, *config, findings); }},
        {"listen", [&] { check_listen(*config, service, findings); }},
        {"daemon", [&] { check_daemon(args.config, service, findings); }},
        {"platform", [&] { check_platform(*config, findings); }},
        {"proxy", [&] { check_proxy(*config, args.url, args.ca_file, findings); }},
        {"handlers", [&] { check_handlers(*config, service, !args.no_start, findings); }},
    };
    for (const auto& [check, look] : checks) {
        begin(check);
        look();
    }
}

}  // namespace

int run(const cli::Doctor& args, const Console& console) {
    Findings findings;
    {
        TerminalLine progress(console.err, console.progress);
        examine(args, progress, findings);
    }
    if (args.json) {
        console.out << json_of(findings);
    } else {
        for (const Finding& finding : findings.all()) console.out << text_of(finding);
        console.out << fmt::format("{} ok, {} to look at, {} failed\n", count(findings, Status::ok),
                                   count(findings, Status::warn), count(findings, Status::fail));
    }
    return count(findings, Status::fail) == 0 ? 0 : 1;
}

}  // namespace hookswitch
