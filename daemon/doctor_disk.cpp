// The disk of the journal: what it is, how much room there is, and how long it takes to be sure.

#include "daemon/core/units.hpp"
#include "daemon/doctor.hpp"

#include <spdlog/fmt/fmt.h>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct FileSystem {
    long magic;  // statfs(2)
    std::string_view name;
    bool network;
};

constexpr std::array<FileSystem, 7> kUnfit{{{0x6969, "NFS", true},
                                            {0x517B, "SMB", true},
                                            {0xFF534D42, "CIFS", true},
                                            {0xFE534D42, "SMB2", true},
                                            {0x01021997, "9p", true},
                                            {0x01021994, "tmpfs", false},
                                            {0x794C7630, "overlay", false}}};

class Disk {
public:
    Disk(std::filesystem::path directory, Findings& findings)
        : directory_(std::move(directory)), findings_(findings) {}

    void check_kind() const {
        struct statfs status {};
        if (::statfs(directory_.c_str(), &status) != 0) return;
        const auto kind =
            std::ranges::find(kUnfit, static_cast<unsigned long>(status.f_type),
                              [](const FileSystem& f) { return static_cast<unsigned long>(f.magic); });
        if (kind == kUnfit.end()) return;
        const std::string what = fmt::format("{} is on {}", directory_.string(), kind->name);
        if (kind->network)
            findings_.fail(what + ": a journal needs a disk of this machine, others damage it",
                           "set journal.path to a local disk");
        else
            findings_.warn(what + ": what is there goes with the machine or container",
                           "set journal.path to a disk that stays, e.g. a mounted volume");
    }

    void check_room() const {
        struct statvfs status {};
        if (::statvfs(directory_.c_str(), &status) != 0) return;
        const double block = static_cast<double>(status.f_frsize);
        const double free = static_cast<double>(status.f_bavail) * block / (1 << 20);  // MiB
        const double all = std::max(1.0, static_cast<double>(status.f_blocks) * block / (1 << 20));
        const std::string what = fmt::format("{:.0f} MiB free of {:.0f} MiB ({:.0f} %) in {}", free, all,
                                             free * 100 / all, directory_.string());
        const std::string todo =
            "make room, or set journal.max_size and retention; what is full refuses events";
        if (free < 64 || (status.f_files > 0 && status.f_favail < 16))
            findings_.fail(what, todo);
        else if (free < 1024 && free * 100 < all * 10)
            findings_.warn(what, todo);
        else
            findings_.ok(what);
    }

    void check_owner(const Unit& service) const {
        const auto user = service.user();
        struct stat status {};
        if (!user || ::stat(directory_.c_str(), &status) != 0) return;
        const bool owned = status.st_uid == user->uid && (status.st_mode & S_IWUSR);
        const bool by_group = status.st_gid == user->gid && (status.st_mode & S_IWGRP);
        if (!owned && !by_group)
            findings_.fail(
                fmt::format("{} is not for the service's user {} to write", directory_.string(), user->name),
                fmt::format("chown {} {}, or set journal.path into /var/lib/hookswitch", user->name,
                            directory_.string()));
    }

    void check_latency() const {
        std::vector<double> took;  // ms
        if (const int error = measure(took); error != 0)
            return findings_.fail(fmt::format("write in {}: {}", directory_.string(), std::strerror(error)),
                                  "see to the disk, or set journal.path to another directory");
        std::ranges::sort(took);
        const double median = took[took.size() / 2], worst = took[took.size() * 99 / 100];
        const std::string what =
            fmt::format("fdatasync takes {:.2f} ms, at worst {:.2f} ms of {}", median, worst, took.size());
        const std::string todo =
            "every told-only event waits for it before it is acknowledged: use a local SSD, and keep others' "
            "writes off it";
        if (median > 100)
            findings_.fail(what, todo);
        else if (median > 10 || worst > 100)
            findings_.warn(what, todo);
        else
            findings_.ok(what);
    }

private:
    // Writes to a file without a name, which is gone whatever happens.
    int measure(std::vector<double>& took) const {
        const int fd = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0) return errno;
        const std::string page(4096, 'x');
        const auto until = Clock::now() + 1s;
        int error = 0;
        for (off_t at = 0; error == 0 && took.size() < 100 && Clock::now() < until; at += 4096) {
            const auto began = Clock::now();
            if (::pwrite(fd, page.data(), page.size(), at) != 4096 || ::fdatasync(fd) != 0) error = errno;
            took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - began).count());
        }
        ::close(fd);
        return error;
    }

    std::filesystem::path directory_;
    Findings& findings_;
};

}  // namespace

// The daemon's lock file is never locked for that: a daemon that starts at this moment would not.
std::optional<pid_t> holder_of(const std::filesystem::path& journal) {
    struct stat status {};
    std::error_code ignored;
    const auto canonical = std::filesystem::canonical(journal, ignored);
    if (::stat(((ignored ? journal : canonical).string() + ".lock").c_str(), &status) != 0)
        return std::nullopt;
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);  // "1: FLOCK  ADVISORY  WRITE 708 08:01:12345 0 EOF"
        std::string number, kind, mode, type, file;
        pid_t pid = 0;
        words >> number >> kind >> mode >> type >> pid >> file;
        if (kind == "FLOCK" && file.ends_with(":" + std::to_string(status.st_ino)) && pid > 0) return pid;
    }
    return std::nullopt;
}

void check_disk(const Config& config, const Unit& service, Findings& findings) {
    if (!config.journal)
        return findings.warn("journal.sync = \"off\": events are in memory only, and gone after a crash",
                             "take the journal into use, unless that is meant");
    const auto directory = std::filesystem::absolute(config.journal->path).parent_path();
    std::error_code ignored;
    if (!std::filesystem::is_directory(directory, ignored)) {
        const bool made = service.get("StateDirectory") == directory.filename();
        if (made && !service.active())
            return findings.skip(directory.string() + " is made when the service starts");
        return findings.fail(directory.string() + " is no directory", "make it, or set journal.path");
    }
    const Disk disk(directory, findings);
    disk.check_kind();
    disk.check_owner(service);
    disk.check_room();
    disk.check_latency();
}

}  // namespace hookswitch
