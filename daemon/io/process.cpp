#include "daemon/io/process.hpp"

#include "daemon/io/confinement.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
extern "C" {  // glibc 2.36 forgot it
#include <sys/pidfd.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <string_view>
#include <system_error>
#include <utility>

namespace hookswitch {
namespace {

boost::system::error_code system_error(int code) { return {code, boost::system::system_category()}; }

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

struct Pipe {
    Fd read, write;

    static Result<Pipe> open() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error(errno), "create a pipe");
        return Pipe{Fd(ends[0]), Fd(ends[1])};
    }
};

// The child's end of a pipe, out of the way of 0, 1 and 2: in a daemon started without standard
// streams a pipe gets those numbers, and connecting one stream would close another.
Result<Fd> for_child(Fd end) {
    if (end.get() > STDERR_FILENO) return end;
    Fd moved(::fcntl(end.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (moved.get() < 0) return fail(system_error(errno), "duplicate a pipe");
    return moved;
}

Result<Fd> for_us(Fd end) {
    if (::fcntl(end.get(), F_SETFL, O_NONBLOCK) != 0) return fail(system_error(errno), "set up a pipe");
    return end;
}

class SpawnSettings {
public:
    SpawnSettings() {
        ::posix_spawnattr_init(&attributes);
        ::posix_spawn_file_actions_init(&actions);
    }
    ~SpawnSettings() {
        ::posix_spawnattr_destroy(&attributes);
        ::posix_spawn_file_actions_destroy(&actions);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;

    /// 0 or an error number: each of these can fail only for lack of memory.
    int set_up(const std::filesystem::path& directory, int in, int out, int err) {
        sigset_t none, all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        constexpr short kFlags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
        const std::initializer_list<int> results = {
            ::posix_spawnattr_setflags(&attributes, kFlags),
            ::posix_spawnattr_setpgroup(&attributes, 0),
            ::posix_spawnattr_setsigdefault(&attributes, &all),
            ::posix_spawnattr_setsigmask(&attributes, &none),
            ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO),
            ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO),
            ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO),
            ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1),
            directory.empty() ? 0 : ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str())};
        for (int error : results)
            if (error != 0) return error;
        return 0;
    }

    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
};

// What the service manager told the daemon about itself; a child that believed it would answer for us.
bool is_about_the_daemon(std::string_view name) {
    return name == "NOTIFY_SOCKET" || name.starts_with("LISTEN_") || name.starts_with("WATCHDOG_");
}

// Only for those that are told where it is: by `inherit`, or in their `environment`.
constexpr std::string_view kCredentials = "CREDENTIALS_DIRECTORY";

bool every_program_needs(std::string_view name) {
    constexpr std::array<std::string_view, 13> kNames{
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG",
        // Of the service, by systemd.exec(5), but for the credentials.
        "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "RUNTIME_DIRECTORY",
        "CONFIGURATION_DIRECTORY"};
    return name.starts_with("LC_") || std::ranges::find(kNames, name) != kNames.end();
}

bool is_inherited(std::string_view name, const ProcessCommand& command) {
    if (is_about_the_daemon(name) || command.environment.contains(std::string(name))) return false;
    if (command.inherit && std::ranges::find(*command.inherit, name) != command.inherit->end()) return true;
    return every_program_needs(name) || (!command.inherit && name != kCredentials);
}

std::vector<std::string> environment_of(const ProcessCommand& command) {
    std::vector<std::string> merged;
    for (char** entry = environ; entry && *entry; ++entry) {
        const std::string_view text(*entry);
        if (is_inherited(text.substr(0, text.find('=')), command)) merged.emplace_back(text);
    }
    for (const auto& [name, value] : command.environment) merged.emplace_back(name).append("=").append(value);
    return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

// posix_spawn gives one error number for the change of directory and for the program.
Error why_not_started(int code, const ProcessCommand& command) {
    std::error_code ignored;
    if (!command.directory.empty() && !std::filesystem::is_directory(command.directory, ignored))
        return fail(system_error(code), "start " + command.argv[0] + ": enter " + command.directory.string());
    return fail(system_error(code), "start " + command.argv[0]);
}

Result<pid_t> start(const ProcessCommand& command, int in, int out, int err) {
    SpawnSettings settings;
    if (int code = settings.set_up(command.directory, in, out, err); code != 0)
        return fail(system_error(code), "start " + command.argv[0]);
    std::vector<std::string> argv = command.argv;
    std::vector<std::string> environment = environment_of(command);
    const bool has_credentials = std::ranges::any_of(
        environment, [](std::string_view entry) { return entry.substr(0, entry.find('=')) == kCredentials; });
    pid_t pid = 0;
    const auto spawn = [&] {
        return ::posix_spawnp(&pid, argv[0].c_str(), &settings.actions, &settings.attributes,
                              pointers(argv).data(), pointers(environment).data());
    };
    const int code = has_credentials ? spawn() : start_without_credentials(spawn);
    if (code != 0) return why_not_started(code, command);
    return pid;
}

}  // namespace

std::string ExitStatus::describe() const {
    if (signal == 0) return "exited with status " + std::to_string(code);
    return "killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
}

Result<std::unique_ptr<Process>> Process::spawn(const ProcessCommand& command,
                                                const boost::asio::any_io_executor& executor) {
    if (command.argv.empty()) return fail(system_error(EINVAL), "start a process: no command");
    ::signal(SIGPIPE, SIG_IGN);

    TRY(Pipe in, Pipe::open());
    TRY(Pipe out, Pipe::open());
    TRY(Pipe err, Pipe::open());
    TRY(Fd child_in, for_child(std::move(in.read)));
    TRY(Fd child_out, for_child(std::move(out.write)));
    TRY(Fd child_err, for_child(std::move(err.write)));
    TRY(Fd our_in, for_us(std::move(in.write)));
    TRY(Fd our_out, for_us(std::move(out.read)));
    TRY(Fd our_err, for_us(std::move(err.read)));

    std::unique_ptr<Process> process(new Process(executor));
    TRY(process->pid_, start(command, child_in.get(), child_out.get(), child_err.get()));
    // The child is ours to reap, so its number cannot have been given to another process meanwhile.
    Fd exited(::pidfd_open(process->pid_, 0));
    if (exited.get() < 0) return fail(system_error(errno), "watch " + command.argv[0]);

    process->input.assign(our_in.release());
    process->output.assign(our_out.release());
    process->errors.assign(our_err.release());
    process->exited.assign(exited.release());
    return process;
}

Process::~Process() {
    if (pid_ == 0 || reaped_) return;
    signal(SIGKILL);
    // Not waited for: one that cannot die now must not hold the daemon, which is its parent only
    // until it ends itself.
    ::waitpid(pid_, nullptr, WNOHANG);
}

void Process::signal(int number) {
    if (pid_ <= 0 || reaped_) return;
    if (::kill(-pid_, number) != 0) ::kill(pid_, number);  // it has moved to another group
}

ExitStatus Process::reap() {
    signal(SIGKILL);  // while the leader is unreaped, its number cannot name another group
    siginfo_t info{};
    int result = 0;
    do {
        result = ::waitid(P_PIDFD, static_cast<id_t>(exited.native_handle()), &info, WEXITED);
    } while (result != 0 && errno == EINTR);
    reaped_ = true;
    if (result != 0) return {-1, 0};
    return info.si_code == CLD_EXITED ? ExitStatus{info.si_status, 0} : ExitStatus{0, info.si_status};
}

}  // namespace hookswitch
