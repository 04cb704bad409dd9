#include "daemon/platform_location.hpp"

#include "tests/support/config_file.hpp"

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

struct PlatformConfigTest : test::ConfigFileTest {
    PlatformConfigTest() { write("api-key", "fl_live_1\n"); }

    std::string faults(const std::string& lines) const {
        return mistakes_after_source("[platform]\n" + lines);
    }

    std::filesystem::path file(const std::string& text) const {
        write("c.toml", text);
        return directory / "c.toml";
    }
};

TEST_F(PlatformConfigTest, IsOffUnlessItsSectionIsThere) {
    EXPECT_FALSE(parsed(kSource).platform);
    const auto config = parsed("[platform]\napi_key_file = \"api-key\"\n" + kSource);
    ASSERT_TRUE(config.platform);
    EXPECT_EQ(config.platform->base_url.peer(), "api.flireo.com");
    EXPECT_EQ(config.platform->base_url.target, "/api/v1");
    EXPECT_EQ(config.platform->api_key.reveal(), "fl_live_1") << "without the newline of the file";
    EXPECT_EQ(config.platform->era, Era::camel);
    EXPECT_EQ(config.platform->ca_file, "");
    EXPECT_EQ(config.platform->connect_timeout, 5s);
    EXPECT_EQ(config.platform->timeout, 30s);
}

TEST_F(PlatformConfigTest, TakesWhatItIsTold) {
    const auto config = parsed(R"([platform]
base_url = "http://127.0.0.1:9090/v1"
api_key_file = "api-key"
era = "late"
ca_file = "ca.pem"
connect_timeout = "1s"
timeout = "2s"
)" + kSource);
    ASSERT_TRUE(config.platform);
    EXPECT_EQ(config.platform->base_url.peer(), "127.0.0.1:9090");
    EXPECT_EQ(config.platform->era, Era::late);
    EXPECT_EQ(config.platform->ca_file, directory / "ca.pem");
    EXPECT_EQ(config.platform->connect_timeout, 1s);
    EXPECT_EQ(config.platform->timeout, 2s);
}

TEST_F(PlatformConfigTest, ReportsItsMistakes) {
    write("empty", "");
    write("lines", "one\ntwo\n");
    EXPECT_EQ(faults(""), "c.toml:5:1: platform.api_key_file: missing");
    EXPECT_EQ(faults("api_key_file = \"nowhere\"\n"),
              "c.toml:6:16: platform.api_key_file: open nowhere: No such file or directory");
    EXPECT_EQ(faults("api_key_file = \"empty\"\n"), "c.toml:6:16: platform.api_key_file: empty is empty");
    EXPECT_EQ(
        faults("api_key_file = \"lines\"\n"),
        "c.toml:6:16: platform.api_key_file: the key has characters that cannot be sent; it is one line "
        "of letters and digits");
    EXPECT_EQ(faults(R"(api_key_file = "api-key"
base_url = "http://api.flireo.com/api/v1"
era = "new"
ca_file = 1
connect_timeout = "0s"
timeout = "1h"
key = "fl_live_1"
)"),
              "c.toml:7:12: platform.base_url: the key would be sent for everybody to read: it must begin "
              "with https://\n"
              "c.toml:8:7: platform.era: 'new' is not one of: camel, snake, late\n"
              "c.toml:9:11: platform.ca_file: expected string, found integer\n"
              "c.toml:10:19: platform.connect_timeout: must be between 100ms and 1m\n"
              "c.toml:11:11: platform.timeout: must be between 100ms and 10m\n"
              "c.toml:12:1: platform.key: unknown key; known here: base_url, era, ca_file, connect_timeout, "
              "timeout, api_key_file");
    EXPECT_EQ(faults("api_key_file = \"api-key\"\nbase_url = \"api.flireo.com\"\n"),
              "c.toml:7:12: platform.base_url: 'api.flireo.com' is not a URL to post to: it must begin with "
              "http://, https:// or unix:/");
    EXPECT_EQ(mistakes(kSource + "[[platform]]\n"), "c.toml:5:1: platform: expected table, found array");
}

TEST_F(PlatformConfigTest, WarnsOfAKeyThatEverybodyCanRead) {
    write("api-key", "fl_live_1", 0644);
    const auto config = parsed("[platform]\napi_key_file = \"api-key\"\n" + kSource);
    ASSERT_EQ(config.warnings.size(), 1u);
    EXPECT_EQ(without_directory(config.warnings[0]),
              "c.toml:2:16: platform.api_key_file: api-key can be read by every user of this machine; chmod "
              "600 it");
}

TEST_F(PlatformConfigTest, CommandsReadNothingElse) {
    const std::string kRest = "[[source]]\nsecret_files = [\"/nonexistent\"]\n";
    auto found = locate_platform(file(kRest), true);
    ASSERT_TRUE(found) << found.error().what();
    EXPECT_FALSE(*found);

    found = locate_platform(file(kRest + "[platform]\nera = \"snake\"\napi_key_file = \"api-key\"\n"), true);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->era, Era::snake);
    EXPECT_EQ((*found)->api_key.reveal(), "fl_live_1");

    found = locate_platform(file("[platform]\napi_key_file = \"nowhere\"\n"), false);
    ASSERT_TRUE(found && *found) << "a key that is not needed is not looked for";
    EXPECT_EQ((*found)->api_key.reveal(), "");

    for (const char* faulty :
         {"[platform]\napi_key_file = \"nowhere\"\n", "[platform]\napi_key = \"x\"\n", "["})
        EXPECT_FALSE(locate_platform(file(faulty), true)) << faulty;
    EXPECT_FALSE(locate_platform(directory / "nowhere.toml", true));
}

}  // namespace
}  // namespace hookswitch
