#include "tests/support/config_file.hpp"

namespace hookswitch {
namespace {

using AdminConfigTest = test::ConfigFileTest;

TEST_F(AdminConfigTest, IsOffUnlessItsSectionIsThere) {
    EXPECT_FALSE(parsed(kSource).admin);
    const auto config = parsed("[admin]\n" + kSource);
    ASSERT_TRUE(config.admin);
    EXPECT_EQ(config.admin->listen, "127.0.0.1:8081");
    EXPECT_EQ(config.admin->token.reveal(), "");
}

TEST_F(AdminConfigTest, NeedsATokenWhereOthersCanReachIt) {
    for (const char* listen : {"127.0.0.1:0", "127.9.9.9:1", "localhost:1", "[::1]:1", "unix:admin.sock"}) {
        SCOPED_TRACE(listen);
        const auto config = parsed("[admin]\nlisten = \"" + std::string(listen) + "\"\n" + kSource);
        ASSERT_TRUE(config.admin);
        EXPECT_TRUE(is_local(*config.admin));
    }
    for (const char* listen : {"0.0.0.0:8081", "[::]:8081", "10.0.0.1:8081", "128.0.0.1:1"}) {
        SCOPED_TRACE(listen);
        const std::string section = "[admin]\nlisten = \"" + std::string(listen) + "\"\n";
        EXPECT_EQ(
            mistakes(section + kSource),
            "c.toml:1:1: admin.token_file: missing; it may be left out only with a loopback address or a "
            "Unix socket");
        write("token", "t0ken\n");
        const auto config = parsed(section + "token_file = \"token\"\n" + kSource);
        ASSERT_TRUE(config.admin);
        EXPECT_EQ(config.admin->token.reveal(), "t0ken") << "without the newline of the file";
    }
}

TEST_F(AdminConfigTest, ReportsItsMistakes) {
    write("empty", "");
    write("spaced", "two words");
    const auto faults = [&](const std::string& lines) { return mistakes_after_source("[admin]\n" + lines); };
    EXPECT_EQ(faults("listen = \"systemd\"\n"),
              "c.toml:6:10: admin.listen: sockets from systemd are for [server]; name an address or "
              "\"unix:/path\"");
    EXPECT_EQ(faults("listen = \"127.0.0.1:8080\"\n"),
              "c.toml:6:10: admin.listen: '127.0.0.1:8080' is already listened on by [server]");
    EXPECT_EQ(faults("listen = [\"127.0.0.1:8082\"]\n"),
              "c.toml:6:10: admin.listen: expected string, found array");
    EXPECT_EQ(faults("listen = \"everywhere\"\n"),
              "c.toml:6:10: admin.listen: 'everywhere' is not an address with a port (\"127.0.0.1:8080\", "
              "\"[::1]:8080\"), \"unix:/path\" or \"systemd\"");
    EXPECT_EQ(faults("token_file = \"missing\"\n"),
              "c.toml:6:14: admin.token_file: open missing: No such file or directory");
    EXPECT_EQ(faults("token_file = \"empty\"\n"), "c.toml:6:14: admin.token_file: empty is empty");
    EXPECT_EQ(faults("token_file = \"spaced\"\n"),
              "c.toml:6:14: admin.token_file: the token has characters that cannot be sent; use letters and "
              "digits");
    EXPECT_EQ(faults("tokenfile = \"x\"\n"),
              "c.toml:6:1: admin.tokenfile: unknown key; did you mean 'token_file'?");
}

TEST_F(AdminConfigTest, WarnsOfATokenThatEverybodyCanRead) {
    write("token", "t0ken", 0644);
    const auto config = parsed("[admin]\ntoken_file = \"token\"\n" + kSource);
    ASSERT_EQ(config.warnings.size(), 1u);
    EXPECT_EQ(without_directory(config.warnings[0]),
              "c.toml:2:14: admin.token_file: token can be read by every user of this machine; chmod 600 it");
}

}  // namespace
}  // namespace hookswitch
