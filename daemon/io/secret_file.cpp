#include "daemon/io/secret_file.hpp"

#include "daemon/io/read_file.hpp"

#include <grp.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

namespace hookswitch {
namespace {

constexpr std::size_t kMost = 64 << 10;  // more is a mix-up

std::string group_name(gid_t gid) {
    std::array<char, 4096> space{};
    group entry{};
    group* found = nullptr;
    const bool known = ::getgrgid_r(gid, &entry, space.data(), space.size(), &found) == 0 && found;
    return known ? entry.gr_name : std::to_string(gid);
}

}  // namespace

std::string exposure_of(const struct stat& file, uid_t uid, gid_t gid) {
    if (!S_ISREG(file.st_mode)) return {};
    if (file.st_mode & S_IWOTH) return "can be replaced by every user of this machine";
    if (file.st_mode & S_IROTH) return "can be read by every user of this machine";
    if (uid == 0) return {};
    if (file.st_uid != 0 && file.st_uid != uid) return "belongs to another user";
    // With an access control list, as systemd's credentials have one, these bits are its mask.
    const bool foreign = file.st_gid != 0 && file.st_gid != gid;
    if (foreign && (file.st_mode & S_IWGRP)) return "can be replaced by group " + group_name(file.st_gid);
    if (foreign && (file.st_mode & S_IRGRP)) return "can be read by group " + group_name(file.st_gid);
    return {};
}

Result<SecretFile> read_secret_file(const std::filesystem::path& file) {
    TRY(auto read, read_file(file, kMost));
    read.text.resize(without_newline(read.text).size());
    if (read.text.empty()) return fail(Errc::invalid_config, file.string() + " is empty");
    return SecretFile{Secret(std::move(read.text)), exposure_of(read.status, ::geteuid(), ::getegid())};
}

}  // namespace hookswitch
