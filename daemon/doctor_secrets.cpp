// Who can read the secrets that a configuration names, and who can change the configuration.

#include "daemon/config_table.hpp"
#include "daemon/doctor.hpp"
#include "daemon/io/read_file.hpp"

#include <spdlog/fmt/fmt.h>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>

namespace hookswitch {
namespace {

bool names_secrets(std::string_view key) {
    return key == "secret_files" || key == "secret_file" || key == "token_file" || key == "api_key_file" ||
           key == "headers_file";
}

// The values of all keys that name files with secrets, in the order of the file.
void collect(const toml::node& node, bool secret, std::vector<std::string>& out) {
    if (const auto* table = node.as_table())
        for (const auto& [key, value] : *table) collect(value, names_secrets(key.str()), out);
    else if (const auto* array = node.as_array())
        for (const auto& item : *array) collect(item, secret, out);
    else if (const auto text = node.value<std::string>(); secret && text)
        out.push_back(*text);
}

std::string owner_of(const struct stat& status) {
    const passwd* user = ::getpwuid(status.st_uid);
    const group* owners = ::getgrgid(status.st_gid);
    return fmt::format("{}:{} {:04o}", user ? user->pw_name : std::to_string(status.st_uid),
                       owners ? owners->gr_name : std::to_string(status.st_gid), status.st_mode & 07777u);
}

// True if there is nothing to say.
bool check_secret(const std::filesystem::path& file, Findings& findings) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) return true;  // `configuration` says so
    // systemd's own, which it gives to a user with an access list that shows as the group's bits.
    if (file.native().find("/run/credentials/") != std::string::npos) return true;
    const std::string what = file.string() + " (" + owner_of(status) + ")";
    const std::string todo = "chmod 600 " + file.string() + "; if it was so for long, take a new secret";
    if ((status.st_mode & S_IRWXO) != 0)
        findings.fail(what + ": every user of this machine can read or change it", todo);
    else if ((status.st_mode & S_IWGRP) != 0 || ((status.st_mode & S_IRGRP) != 0 && status.st_gid != 0))
        findings.warn(what + ": its group can read or change it", todo);
    else
        return true;
    return false;
}

bool check_config_file(const std::filesystem::path& file, const Unit& service, Findings& findings) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) return true;
    const std::string what = file.string() + " (" + owner_of(status) + ")";
    if ((status.st_mode & S_IWOTH) != 0) {
        findings.fail(what + ": every user can change it, and with it what the service runs",
                      "chmod o-w " + file.string());
        return false;
    }
    const auto user = service.user();
    const bool readable = !user || (status.st_uid == user->uid && (status.st_mode & S_IRUSR)) ||
                          (status.st_gid == user->gid && (status.st_mode & S_IRGRP)) ||
                          (status.st_mode & S_IROTH);
    if (!readable)
        findings.fail(what + ": the service runs as " + user->name + " and cannot read it",
                      "chmod 644 " + file.string() + "; secrets do not belong into it");
    return readable;
}

}  // namespace

void check_secrets(const std::filesystem::path& config, const Unit& service, Findings& findings) {
    const auto text = read_file(config);
    if (!text) return;
    ConfigFile place(config);
    const auto tree = place.parse(*text);
    if (!tree) return;
    std::vector<std::string> named;
    collect(*tree, false, named);
    std::vector<std::filesystem::path> files = service.credentials();
    for (const std::string& name : named)
        if (auto path = place.path(name)) files.push_back(*std::move(path));
    std::ranges::sort(files);
    files.erase(std::ranges::unique(files).begin(), files.end());
    bool good = check_config_file(config, service, findings);
    for (const auto& file : files) good &= check_secret(file, findings);
    if (good && !files.empty())
        findings.ok(fmt::format("{} file(s) with secrets: nobody else can read them", files.size()));
}

}  // namespace hookswitch
