#pragma once

// What `hookswitch doctor` looks at. Each check looks at one thing, changes nothing, and says what it found
// and what to do about it. All run one after the other on the main thread.

#include "daemon/config.hpp"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

struct Finding {
    enum class Status { ok, warn, fail, skip };

    Status status = Status::ok;
    std::string check, what;
    std::string todo;  // empty: nothing
};

class Findings {
public:
    /// Findings that follow are of this check.
    void begin(std::string_view check) { check_ = check; }

    void ok(std::string what) { add(Finding::Status::ok, std::move(what), ""); }
    void skip(std::string what) { add(Finding::Status::skip, std::move(what), ""); }
    void warn(std::string what, std::string todo) {
        add(Finding::Status::warn, std::move(what), std::move(todo));
    }
    void fail(std::string what, std::string todo) {
        add(Finding::Status::fail, std::move(what), std::move(todo));
    }

    const std::vector<Finding>& all() const { return all_; }

private:
    void add(Finding::Status status, std::string what, std::string todo) {
        all_.push_back({status, check_, std::move(what), std::move(todo)});
    }
    std::string check_;
    std::vector<Finding> all_;
};

/// A unit as `systemctl show` tells of it; empty: systemd does not know it, or there is no systemd.
class Unit {
public:
    static Unit look_up(const std::string& name);

    bool known() const { return get("LoadState") == "loaded"; }
    bool active() const { return get("ActiveState") == "active" || get("ActiveState") == "reloading"; }
    std::string get(const std::string& property) const;
    const std::string& name() const { return name_; }

    /// Who the service runs as; nullopt: as root, or nobody who exists at the moment.
    struct User {
        std::string name;
        uid_t uid = 0;
        gid_t gid = 0;
    };
    std::optional<User> user() const;

    /// The files that LoadCredential= names.
    const std::vector<std::filesystem::path>& credentials() const { return credentials_; }

private:
    std::string name_;
    std::vector<std::filesystem::path> credentials_;
    std::map<std::string, std::string> properties_;
};

/// "1min 30s" of systemctl; nullopt: "infinity", or not understood.
std::optional<std::chrono::microseconds> systemd_duration(std::string_view text);

/// Lets ${CREDENTIALS_DIRECTORY} of the configuration mean what it means to the service, unless it is set.
void find_credentials(const Unit& service, Findings& findings);

void check_service(const Unit& service, const Unit& socket, const Config& config, Findings& findings);
void check_secrets(const std::filesystem::path& config, const Unit& service, Findings& findings);
void check_clock(const Config& config, Findings& findings);
void check_disk(const Config& config, const Unit& service, Findings& findings);
void check_listen(const Config& config, const Unit& service, Findings& findings);
void check_platform(const Config& config, Findings& findings);
void check_daemon(const std::filesystem::path& config, const Unit& service, Findings& findings);
void check_handlers(const Config& config, const Unit& service, bool start, Findings& findings);

/// `url` is where the platform posts to.
void check_proxy(const Config& config, const std::optional<Url>& url, const std::filesystem::path& ca_file,
                 Findings& findings);

/// The process that has the journal open as its daemon; nullopt: none that can be seen.
std::optional<pid_t> holder_of(const std::filesystem::path& journal);

}  // namespace hookswitch
