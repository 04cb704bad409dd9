#include "daemon/io/secret_file.hpp"

#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace hookswitch {
namespace {

constexpr std::size_t kMost = 64 << 10;  // more is a mix-up

struct Descriptor {
    int number;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

Error failed(const std::filesystem::path& file) {
    return fail({errno, boost::system::system_category()}, "open " + file.string());
}

std::string group_name(gid_t gid) {
    std::array<char, 4096> space{};
    group entry{};
    group* found = nullptr;
    const bool known = ::getgrgid_r(gid, &entry, space.data(), space.size(), &found) == 0 && found;
    return known ? entry.gr_name : std::to_string(gid);
}

// Into memory that does not move while it grows, or the smaller pieces would be left behind.
Result<std::string> read_all(int fd, const std::filesystem::path& file) {
    std::string text(kMost + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
        if (n == 0) break;
        if (n < 0 && errno != EINTR) return failed(file);
        if (n > 0) size += static_cast<std::size_t>(n);
    }
    if (size > kMost) {
        wipe(text);
        return fail(Errc::invalid_config, "open " + file.string() + ": over 64 KiB, which is no secret");
    }
    text.resize(size);
    return text;
}

}  // namespace

std::string exposure_of(const struct stat& file, uid_t uid, gid_t gid) {
    if (!S_ISREG(file.st_mode)) return {};
    if (file.st_mode & S_IWOTH) return "every user of this machine can replace it";
    if (file.st_mode & S_IROTH) return "every user of this machine can read it";
    if (uid == 0) return {};
    if (file.st_uid != 0 && file.st_uid != uid) return "it belongs to another user";
    // With an access control list, as systemd's credentials have one, these bits are its mask.
    const bool foreign = file.st_gid != 0 && file.st_gid != gid;
    if (foreign && (file.st_mode & S_IWGRP)) return "group " + group_name(file.st_gid) + " can replace it";
    if (foreign && (file.st_mode & S_IRGRP)) return "group " + group_name(file.st_gid) + " can read it";
    return {};
}

// Not a stream: those open directories, and read nothing from them without a word.
Result<SecretFile> read_secret_file(const std::filesystem::path& file) {
    const Descriptor fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    struct stat status {};
    if (fd.number < 0 || ::fstat(fd.number, &status) != 0) return failed(file);
    if (S_ISFIFO(status.st_mode))  // whose end may never come
        return fail(Errc::invalid_config, "open " + file.string() + ": is a pipe, not a file");
    TRY(std::string text, read_all(fd.number, file));
    const std::size_t size = without_newline(text).size();
    text.resize(size);
    if (text.empty()) return fail(Errc::invalid_config, file.string() + " is empty");
    return SecretFile{Secret(std::move(text)), exposure_of(status, ::geteuid(), ::getegid())};
}

}  // namespace hookswitch
