// What systemd has been told about the service.

#include "daemon/core/lines.hpp"
#include "daemon/doctor.hpp"

#include <spdlog/fmt/fmt.h>

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

// Its name has no character that means something to a shell (cli_doctor.cpp).
std::string output_of(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string text;
    char buffer[4096];
    while (pipe) {
        const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe.get());
        if (n == 0) break;
        text.append(buffer, n);
    }
    return text;
}

std::optional<microseconds> unit_of(std::string_view name) {
    constexpr std::pair<std::string_view, microseconds> kUnits[] = {
        {"us", 1us}, {"ms", 1ms}, {"s", 1s}, {"min", 1min}, {"h", 1h}, {"d", 24h}, {"w", 7 * 24h}};
    for (const auto& [unit, size] : kUnits)
        if (unit == name) return size;
    return std::nullopt;
}

std::size_t number_in(const std::string& text) {
    std::size_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return text == "infinity" ? std::size_t(-1) : number;
}

constexpr std::string_view kEdit = "systemctl edit hookswitch, or take the unit that comes with Hookswitch";

struct ServiceCheck {
    const Unit& service;
    const Config& config;
    Findings& findings;

    // True if the property has the value that it should have.
    bool is(const std::string& property, std::string_view value, std::string_view consequence) const {
        const std::string found = service.get(property);
        if (found == value) return true;
        findings.fail(fmt::format("{}={} instead of {}: {}", property, found, value, consequence),
                      fmt::format("set {}={}: {}", property, value, kEdit));
        return false;
    }

    bool limits() const {
        bool good = true;
        if (const auto most = number_in(service.get("LimitNOFILE"));
            most < config.server.max_connections + 256) {
            findings.fail(
                fmt::format("LimitNOFILE={} is too little for server.max_connections = {}", most,
                            config.server.max_connections),
                fmt::format("set LimitNOFILE={} or more: {}", config.server.max_connections + 6000, kEdit));
            good = false;
        }
        const auto stop = systemd_duration(service.get("TimeoutStopUSec"));
        if (stop && *stop < config.server.drain_timeout + 5s) {
            findings.warn(
                fmt::format("TimeoutStopSec={} leaves no time after server.drain_timeout = {} s",
                            service.get("TimeoutStopUSec"), config.server.drain_timeout.count() / 1000),
                fmt::format("make one longer or the other shorter: {}", kEdit));
            good = false;
        }
        return good;
    }

    bool restarts() const {
        const std::string restart = service.get("Restart");
        if (restart == "on-failure" || restart == "always") return true;
        findings.fail("Restart=" + restart + ": after a crash nobody answers the telephone",
                      fmt::format("set Restart=on-failure: {}", kEdit));
        return false;
    }

    // Of a stopped service systemd says 0.
    bool watchdog() const {
        if (!service.active()) return true;
        const auto watchdog = systemd_duration(service.get("WatchdogUSec"));
        if (watchdog && *watchdog > 0us) return true;
        findings.warn("WatchdogSec is not set: a daemon that hangs is not restarted",
                      fmt::format("set WatchdogSec=10s: {}", kEdit));
        return false;
    }

    bool state() const {
        if (service.get("NeedDaemonReload") == "yes") {
            findings.warn("the unit was changed on disk since systemd read it", "systemctl daemon-reload");
            return false;
        }
        if (service.get("ActiveState") == "failed") {
            findings.fail("the service has failed: " + service.get("Result"), "journalctl -u hookswitch -b");
            return false;
        }
        if (!service.active()) {
            findings.warn("the service is " + service.get("ActiveState"),
                          "systemctl start " + service.name());
            return false;
        }
        const std::string enabled = service.get("UnitFileState");
        if (enabled == "enabled" || enabled == "enabled-runtime" || enabled == "linked") return true;
        findings.warn("the service is " + (enabled.empty() ? "not enabled" : enabled) +
                          ": it does not come back after a reboot",
                      "systemctl enable " + service.name());
        return false;
    }
};

void check_socket(const Unit& socket, const Config& config, Findings& findings) {
    const bool wanted = std::ranges::find(config.server.listen, "systemd") != config.server.listen.end();
    const std::string enabled = socket.get("UnitFileState");
    if (wanted && !socket.active())
        findings.fail("server.listen has \"systemd\", but " + socket.name() + " is not active",
                      "systemctl enable --now " + socket.name());
    else if (wanted && enabled != "enabled")
        findings.warn(socket.name() + " is active but not enabled: a reboot ends that",
                      "systemctl enable " + socket.name());
    else if (!wanted && socket.active())
        findings.fail(
            socket.name() +
                " is active, but server.listen does not have \"systemd\": what connects "
                "there is never answered",
            "add \"systemd\" to server.listen and restart, or systemctl disable --now " + socket.name());
    else if (wanted)
        findings.ok(socket.name() + ": enabled; a restart refuses nobody");
}

}  // namespace

Unit Unit::look_up(const std::string& name) {
    Unit unit;
    unit.name_ = name;
    const std::string shown = output_of("systemctl show --no-pager " + name + " 2>/dev/null");
    for_each_line(shown, [&](std::string_view line) {
        const auto equals = line.find('=');
        if (equals != std::string_view::npos)
            unit.properties_.emplace(line.substr(0, equals), line.substr(equals + 1));
    });
    if (!unit.known()) return unit;
    // `show` calls them "[unprintable]".
    const std::string files = output_of("systemctl cat --no-pager " + name + " 2>/dev/null");
    for_each_line(files, [&](std::string_view line) {
        constexpr std::string_view kLoad = "LoadCredential=";
        const auto colon = line.find(':');
        if (line.starts_with(kLoad) && colon != std::string_view::npos)
            unit.credentials_.emplace_back(line.substr(colon + 1));
    });
    return unit;
}

std::string Unit::get(const std::string& property) const {
    const auto found = properties_.find(property);
    return found == properties_.end() ? "" : found->second;
}

std::optional<Unit::User> Unit::user() const {
    std::string name = get("User");
    if (name.empty() && get("DynamicUser") == "yes") name = name_.substr(0, name_.rfind('.'));
    if (name.empty()) return std::nullopt;
    const passwd* entry = ::getpwnam(name.c_str());
    if (!entry || entry->pw_uid == 0) return std::nullopt;
    return User{name, entry->pw_uid, entry->pw_gid};
}

std::optional<microseconds> systemd_duration(std::string_view text) {
    microseconds sum{0};
    if (text == "0") return sum;
    if (text.empty()) return std::nullopt;
    while (!text.empty()) {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc()) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        const std::string_view name = text.substr(0, text.find(' '));
        const auto unit = unit_of(name);
        if (!unit) return std::nullopt;
        sum += *unit * number;
        text.remove_prefix(std::min(text.size(), name.size() + 1));
    }
    return sum;
}

void check_service(const Unit& service, const Unit& socket, const Config& config, Findings& findings) {
    if (!service.known())
        return findings.skip(service.name() + " is not installed, or there is no systemd here");
    const ServiceCheck check{service, config, findings};
    bool good = check.is("Type", "notify", "systemd does not know when the daemon is ready");
    good &= check.is("KillMode", "mixed", "a stop ends workers in the middle of calls");
    good &= check.is("LimitCORE", "0", "a core dump holds secrets and callers' numbers");
    good &= check.watchdog();
    good &= check.restarts();
    good &= check.limits();
    good &= check.state();
    if (good) findings.ok(service.name() + ": as it should be");
    check_socket(socket, config, findings);
}

// Of a running service they are seen through its process; else the unit says which files they will be
// copies of.
void find_credentials(const Unit& service, Findings& findings) {
    if (!service.known() || std::getenv("CREDENTIALS_DIRECTORY") || ::geteuid() != 0) return;
    std::filesystem::path directory;
    if (const std::string pid = service.get("MainPID"); service.active() && pid != "0")
        directory = "/proc/" + pid + "/root/run/credentials/" + service.name();
    std::error_code ignored;
    const auto& loaded = service.credentials();
    if (directory.empty() || !std::filesystem::is_directory(directory, ignored))
        directory = loaded.empty() ? std::filesystem::path() : loaded.front().parent_path();
    if (directory.empty()) return;
    if (::setenv("CREDENTIALS_DIRECTORY", directory.c_str(), 1) == 0)
        findings.ok("credentials of the service: looked at in " + directory.string());
}

}  // namespace hookswitch
