#include "daemon/io/process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace hookswitch {
namespace {

namespace asio = boost::asio;

struct Ran {
    std::string output, errors;
    ExitStatus status;
};

// Runs to the end, with `input` as its whole input.
Ran run(ProcessCommand command, std::string_view input = {}) {
    asio::io_context ctx;
    auto process = Process::spawn(command, ctx.get_executor());
    if (!process) {
        ADD_FAILURE() << process.error().what();
        return {};
    }
    Process& child = **process;
    EXPECT_EQ(::write(child.input.native_handle(), input.data(), input.size()),
              static_cast<ssize_t>(input.size()));
    child.input.close();

    Ran ran;
    bool exited = false;
    auto ignore = [](boost::system::error_code, std::size_t) {};
    asio::async_read(child.output, asio::dynamic_buffer(ran.output), ignore);
    asio::async_read(child.errors, asio::dynamic_buffer(ran.errors), ignore);
    child.exited.async_wait(asio::posix::descriptor_base::wait_read, [&](auto error) { exited = !error; });
    ctx.run_for(std::chrono::seconds(20));
    EXPECT_TRUE(exited);
    ran.status = child.reap();
    return ran;
}

ProcessCommand shell(const std::string& script) { return {{"sh", "-c", script}, {}, {}}; }

TEST(Process, ConnectsTheStandardStreams) {
    const Ran ran = run(shell("cat; echo oops >&2; exit 3"), "hello");
    EXPECT_EQ(ran.output, "hello");
    EXPECT_EQ(ran.errors, "oops\n");
    EXPECT_EQ(ran.status.describe(), "exited with status 3");
}

TEST(Process, TellsWhichSignalEndedIt) {
    EXPECT_EQ(run(shell("kill -9 $$")).status.describe(), "killed by signal 9 (Killed)");
}

TEST(Process, StartsInItsDirectoryWithItsEnvironment) {
    ::setenv("NOTIFY_SOCKET", "/run/daemon", 1);
    ::setenv("PROCESS_TEST", "ours", 1);
    ProcessCommand command = shell("pwd; echo $PROCESS_TEST $GREETING $NOTIFY_SOCKET; test -n \"$PATH\"");
    command.directory = "/usr";
    command.environment = {{"GREETING", "a=b c"}, {"PROCESS_TEST", "theirs"}};
    const Ran ran = run(command);
    EXPECT_EQ(ran.output, "/usr\ntheirs a=b c\n");
    EXPECT_EQ(ran.status.code, 0);
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("PROCESS_TEST");
}

TEST(Process, GetsOfOurEnvironmentNoMoreThanItShould) {
    const std::map<std::string, std::string> ours = {{"NOTIFY_SOCKET", "/run/daemon"},
                                                     {"CREDENTIALS_DIRECTORY", "/run/secrets"},
                                                     {"STATE_DIRECTORY", "/var/lib/daemon"},
                                                     {"LC_TIME", "nl_NL.UTF-8"},
                                                     {"CRM_KEY", "key"},
                                                     {"GREETING", "ours"},
                                                     {"PROCESS_TEST", "ours"}};
    for (const auto& [name, value] : ours) ::setenv(name.c_str(), value.c_str(), 1);
    ProcessCommand command{{"env"}, {}, {{"GREETING", "theirs"}}, std::vector<std::string>{"CRM_KEY"}};
    const std::string environment = "\n" + run(command).output;
    for (const auto& [name, value] : ours) ::unsetenv(name.c_str());

    for (const char* there : {"STATE_DIRECTORY=/var/lib/daemon", "LC_TIME=nl_NL.UTF-8", "CRM_KEY=key",
                              "GREETING=theirs", "PATH="})
        EXPECT_NE(environment.find("\n" + std::string(there)), std::string::npos) << there << environment;
    for (const char* gone : {"NOTIFY_SOCKET=", "CREDENTIALS_DIRECTORY=", "GREETING=ours", "PROCESS_TEST="})
        EXPECT_EQ(environment.find(gone), std::string::npos) << gone << environment;
}

// On kernels without Landlock there is nothing to see.
TEST(Process, ReadsTheCredentialsOnlyIfItIsToldWhereTheyAre) {
    if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1u) < 2) GTEST_SKIP() << "no Landlock";
    const auto directory =
        std::filesystem::path(testing::TempDir()) / ("credentials-" + std::to_string(::getpid()));
    std::filesystem::create_directory(directory);
    std::ofstream(directory / "secret") << "whsec";
    std::ofstream(directory.string() + "-beside") << "open";
    ::setenv("CREDENTIALS_DIRECTORY", directory.c_str(), 1);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ProcessCommand command = shell("cat '" + directory.string() + "/secret' || cat '" + directory.string() +
                                   "-beside'; echo $CREDENTIALS_DIRECTORY");
    EXPECT_EQ(run(command).output, "open\n");
    command.inherit = {"CREDENTIALS_DIRECTORY"};
    EXPECT_EQ(run(command).output.substr(0, 5), "whsec");
    command.inherit.reset();
    command.environment = {{"CREDENTIALS_DIRECTORY", directory}};
    EXPECT_EQ(run(command).output.substr(0, 5), "whsec");
    ::unsetenv("CREDENTIALS_DIRECTORY");
    std::filesystem::remove_all(directory);
    std::filesystem::remove(directory.string() + "-beside");
}

TEST(Process, InheritsNeitherDescriptorsNorSignalSettings) {
    const int leaked = ::dup(STDERR_FILENO);  // not closed on exec
    ::signal(SIGINT, SIG_IGN);
    sigset_t blocked, before;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
    // Descriptor 3 is the directory that ls itself opens. Of the ignored signals glibc leaves its own
    // two, 32 and 33.
    const Ran ran =
        run(shell("ls /proc/self/fd; sed -n 's/^SigBlk:.*0$/unblocked/p; s/^SigIgn:.*0$/default/p' "
                  "/proc/self/status"));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::signal(SIGINT, SIG_DFL);
    ::close(leaked);
    EXPECT_EQ(ran.output, "0\n1\n2\n3\nunblocked\ndefault\n");
}

TEST(Process, SignalsTheWholeGroup) {
    asio::io_context ctx;
    auto process = Process::spawn(shell("sleep 1000 & echo $!; wait"), ctx.get_executor());
    ASSERT_TRUE(process) << process.error().what();
    std::string pid;
    bool exited = false, ended = false;
    asio::async_read_until((*process)->output, asio::dynamic_buffer(pid), '\n', [&](auto, auto) {
        (*process)->signal(SIGTERM);
        // The shell and its child both hold the output: it ends when both are dead.
        asio::async_read((*process)->output, asio::dynamic_buffer(pid), [&](auto, auto) { ended = true; });
    });
    (*process)->exited.async_wait(asio::posix::descriptor_base::wait_read, [&](auto) { exited = true; });
    ctx.run_for(std::chrono::seconds(10));
    EXPECT_TRUE(exited);
    EXPECT_TRUE(ended);
    EXPECT_EQ((*process)->reap().signal, SIGTERM);
}

TEST(Process, SaysWhyItCouldNotStart) {
    asio::io_context ctx;
    auto why = [&](ProcessCommand command) {
        auto process = Process::spawn(command, ctx.get_executor());
        return process ? "started" : process.error().what();
    };
    EXPECT_EQ(why({{"/nonexistent/desk"}, {}, {}}), "start /nonexistent/desk: No such file or directory");
    EXPECT_EQ(why({{"no-such-program"}, {}, {}}), "start no-such-program: No such file or directory");
    EXPECT_EQ(why({{"/etc/passwd"}, {}, {}}), "start /etc/passwd: Permission denied");
    EXPECT_EQ(why({{"sh"}, "/nonexistent", {}}), "start sh: enter /nonexistent: No such file or directory");
    EXPECT_EQ(why({}), "start a process: no command: Invalid argument");
}

TEST(Process, IsKilledWithItsObject) {
    asio::io_context ctx;
    auto process = Process::spawn(shell("trap '' TERM; echo up; cat; sleep 1000"), ctx.get_executor());
    ASSERT_TRUE(process) << process.error().what();
    char bytes[3];
    asio::async_read((*process)->output, asio::buffer(bytes), [](auto, auto) {});
    ctx.run_for(std::chrono::seconds(10));
    const int watch = ::dup((*process)->output.native_handle());
    *process = nullptr;
    asio::posix::stream_descriptor output(ctx, watch);
    bool ended = false;
    asio::async_read(output, asio::buffer(bytes),
                     [&](auto error, auto) { ended = error == asio::error::eof; });
    ctx.restart();
    ctx.run_for(std::chrono::seconds(10));
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace hookswitch
