#include "daemon/check_plugins.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <variant>

namespace hookswitch {
namespace {

bool only_root_can_change(const std::filesystem::path& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0 || status.st_uid != 0) return false;
    const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    const bool only_their_own = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    if (others_write && !only_their_own) return false;
    return file == file.root_path() || only_root_can_change(file.parent_path());
}

// `systemctl reload` checks as root, and the daemon's user must not become root by way of a library.
bool may_be_run(const std::filesystem::path& library) {
    std::error_code error;
    const auto real = std::filesystem::canonical(library, error);
    return ::geteuid() != 0 || (!error && only_root_can_change(real));
}

bool check_plugin(const PluginSettings& settings, std::ostream& out, std::ostream& err) {
    if (!may_be_run(settings.library)) {
        out << settings.place
            << ": not tried: others than root can change it, and this check runs as root; the daemon will "
               "try it\n";
        return true;
    }
    std::string errors;
    const auto facts = try_plugin(settings, errors);
    if (facts) return true;
    out << settings.place << ": '" << settings.library.string() << "': " << facts.error().what() << '\n';
    err << errors;
    return false;
}

}  // namespace

bool check_plugins(const Config& config, std::ostream& out, std::ostream& err) {
    bool good = true;
    for (const HandlerConfig& handler : config.handlers)
        if (const auto* settings = std::get_if<PluginSettings>(&handler.handler))
            good = check_plugin(*settings, out, err) && good;
    return good;
}

}  // namespace hookswitch
