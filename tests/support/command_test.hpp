#pragma once

// Runs a command line in this process, with strings for its terminal.

#include "daemon/commands.hpp"

#include "tests/support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace hookswitch::test {

inline const char* const kBody =
    R"({"message":{"type":"status-update","call":{"id":"c1","status":"ended"}}})";

class CommandTest : public testing::Test {
protected:
    // What a shell would do with these words.
    int hookswitch(std::vector<std::string> words, const std::string& in = "") {
        words.insert(words.begin(), "hookswitch");
        std::vector<const char*> argv;
        for (const auto& word : words) argv.push_back(word.c_str());
        in_ = std::istringstream(in);
        out_ = std::ostringstream();
        err_ = std::ostringstream();
        const Console console{in_, out_, err_};
        const auto command = cli::parse(static_cast<int>(argv.size()), argv.data());
        return std::visit(
            [&](const auto& args) {
                using Args = std::decay_t<decltype(args)>;
                // These two start the daemon's own machinery, which has tests of its own.
                if constexpr (std::is_same_v<Args, cli::Serve> || std::is_same_v<Args, cli::Check>)
                    return -1;
                else
                    return run(args, console);
            },
            command);
    }
    std::string out() const { return out_.str(); }
    std::string err() const { return err_.str(); }

    TempDir dir_;
    const std::string secret_ = dir_.write("secret", "whsec_test_secret_12345\n");

private:
    std::istringstream in_;
    std::ostringstream out_, err_;
};

}  // namespace hookswitch::test
