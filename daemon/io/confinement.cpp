#include "daemon/io/confinement.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

namespace hookswitch {
namespace {

namespace fs = std::filesystem;

// Only reading files is restricted. Moving them to another directory is never allowed unless it is named.
constexpr std::uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kReadingAndMoving = kReading | LANDLOCK_ACCESS_FS_REFER;
constexpr long kVersionWithMoving = 2;

class Descriptor {
public:
    explicit Descriptor(long fd) : fd_(static_cast<int>(fd)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

bool kernel_can() {
    return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >=
           kVersionWithMoving;
}

// What cannot be opened cannot be read either, with or without a rule.
void allow(int ruleset, const fs::path& path) {
    const Descriptor opened(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat status {};
    if (opened.get() < 0 || ::fstat(opened.get(), &status) != 0) return;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = S_ISDIR(status.st_mode) ? kReadingAndMoving : kReading;
    rule.parent_fd = opened.get();
    ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

// Rules only allow, and for all that is below; so: everything beside the way to the hidden directory.
void allow_all_but(int ruleset, const fs::path& hidden) {
    fs::path way;
    for (const fs::path& next : hidden) {
        std::error_code ignored;
        if (!way.empty())
            for (const auto& entry : fs::directory_iterator(way, ignored))
                if (entry.path().filename() != next) allow(ruleset, entry.path());
        way /= next;
    }
}

// 0 or an error number. For the thread that calls it, and what that starts.
int confine(const fs::path& hidden) {
    landlock_ruleset_attr restricted{};
    restricted.handled_access_fs = kReadingAndMoving;
    const Descriptor ruleset(::syscall(SYS_landlock_create_ruleset, &restricted, sizeof restricted, 0));
    if (ruleset.get() < 0) return errno;
    allow_all_but(ruleset.get(), hidden);
    return ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0 ? 0 : errno;
}

#ifdef __SANITIZE_ADDRESS__
constexpr bool kTracesItself = true;
#else
constexpr bool kTracesItself = false;
#endif

}  // namespace

void keep_memory_private() {
    if (!kTracesItself || ::geteuid() == 0) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int start_without_credentials(const std::function<int()>& start) {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    std::error_code missing;
    const fs::path hidden = directory ? fs::canonical(directory, missing) : fs::path();
    if (hidden.empty() || ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || !kernel_can()) return start();
    int result = 0;
    try {
        std::thread([&] {
            result = confine(hidden);
            if (result == 0) result = start();
        }).join();
    } catch (const std::system_error& error) {  // no thread to be had
        return error.code().value();
    }
    return result;
}

}  // namespace hookswitch
