#pragma once

// A directory with a secret in it, and configurations that pretend to be in that directory.

#include "daemon/config.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

namespace hookswitch::test {

struct ConfigFileTest : testing::Test {
    ConfigFileTest() {
        char name[] = "/tmp/hookswitch-config-XXXXXX";
        directory = ::mkdtemp(name);
        write("secret", "s3cret\n");
    }
    ~ConfigFileTest() override { std::filesystem::remove_all(directory); }

    void write(const std::string& name, std::string_view text, mode_t mode = 0600) const {
        std::ofstream(directory / name) << text;
        ::chmod((directory / name).c_str(), mode);
    }

    /// What is wrong with `text`, without the directory's name in front of and in the messages.
    std::string mistakes(const std::string& text) const {
        auto config = parse_config(text, directory / "c.toml");
        if (config) return "nothing";
        EXPECT_EQ(config.error(), Errc::invalid_config);
        return without_directory(config.error().what());
    }

    std::string without_directory(std::string text) const {
        const auto name = directory.string() + "/";
        for (std::size_t at; (at = text.find(name)) != std::string::npos;) text.erase(at, name.size());
        return text;
    }

    /// The mistakes in something that follows a faultless source of three lines.
    std::string mistakes_after_source(const std::string& text) const { return mistakes(kSource + text); }

    Config parsed(const std::string& text) const {
        auto config = parse_config(text, directory / "c.toml");
        EXPECT_TRUE(config) << config.error().what();
        return config ? *std::move(config) : Config{};
    }

    const std::string kSource =
        "[[source]]\nname = \"main\"\npath = \"/webhook\"\nsecret_files = [\"secret\"]\n";
    std::filesystem::path directory;
};

}  // namespace hookswitch::test
