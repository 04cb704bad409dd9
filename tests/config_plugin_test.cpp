#include "tests/support/config_file.hpp"

#include <variant>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

using PluginConfigTest = test::ConfigFileTest;

TEST_F(PluginConfigTest, TakesWhatItIsTold) {
    write("hours.so", "");
    const auto config = parsed(kSource + R"([[handler]]
name = "hours"
type = "plugin"
library = "hours.so"
threads = 8
queue = 9
start_timeout = "1m"
hang_timeout = "0s"
settings = { open = [9, 17], where = { city = "Utrecht" } }
)");
    const auto& settings = std::get<PluginSettings>(config.handlers.at(0).handler);
    EXPECT_EQ(settings.name, "hours");
    EXPECT_EQ(settings.library, directory / "hours.so");
    EXPECT_EQ(without_directory(settings.place), "c.toml:8:11: handler[0].library");
    EXPECT_EQ(settings.settings, R"({"open":[9,17],"where":{"city":"Utrecht"}})");
    EXPECT_EQ(settings.threads, 8u);
    EXPECT_EQ(settings.queue, 9u);
    EXPECT_EQ(settings.start_timeout, 1min);
    EXPECT_EQ(settings.hang_timeout, 0s);
}

TEST_F(PluginConfigTest, FindsMistakesWithoutLoadingAnything) {
    std::filesystem::create_directory(directory / "directory.so");
    EXPECT_EQ(mistakes_after_source(R"([[handler]]
name = "a"
type = "plugin"
[[handler]]
name = "b"
type = "plugin"
library = "missing.so"
threads = 0
queue = 0
start_timeout = "0s"
hang_timeout = "1h"
settings = "fast"
concurrency = 2
[[handler]]
name = "c"
type = "plugin"
library = "directory.so"
[[handler]]
name = "d"
type = "plugin"
library = 5
)"),
              "c.toml:5:1: handler[0].library: missing\n"
              "c.toml:11:11: handler[1].library: 'missing.so' is not a file\n"
              "c.toml:12:11: handler[1].threads: must be between 1 and 256\n"
              "c.toml:13:9: handler[1].queue: must be between 1 and 1000000\n"
              "c.toml:14:17: handler[1].start_timeout: must be between 10ms and 10m\n"
              "c.toml:15:16: handler[1].hang_timeout: must be between 0s and 10m\n"
              "c.toml:16:12: handler[1].settings: expected table, found string\n"
              "c.toml:17:1: handler[1].concurrency: unknown key; known here: name, type, ordered, retry, "
              "library, settings, threads, queue, start_timeout, hang_timeout\n"
              "c.toml:21:11: handler[2].library: 'directory.so' is not a file\n"
              "c.toml:25:11: handler[3].library: expected string, found integer");
}

}  // namespace
}  // namespace hookswitch
