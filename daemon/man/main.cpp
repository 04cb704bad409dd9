// Writes the manual pages and the shells' completions into a directory, at build time:
//
//     hookswitch_manual SOURCE DIRECTORY      SOURCE: the project's directory

#include "daemon/man/pages.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace {

using namespace hookswitch;
using std::filesystem::path;

std::string content(const path& file) {
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) throw std::runtime_error("cannot read " + file.string());
    return text.str();
}

void write(const path& file, const std::string& text) {
    std::ofstream stream(file);
    if (!(stream << text).flush()) throw std::runtime_error("cannot write " + file.string());
}

std::string filled(std::string page, std::string_view mark, const std::string& text) {
    const auto at = page.find(mark);
    if (at == std::string::npos) throw std::runtime_error("no " + std::string(mark) + " in the page");
    return page.replace(at, mark.size(), text);
}

void write_all(const path& source, const path& directory) {
    const manual::Command program = manual::command_tree();
    const auto page = [&](const char* name) {
        return filled(content(source / "daemon/man" / name), "@VERSION@", HOOKSWITCH_VERSION);
    };
    write(directory / "hookswitch.1",
          filled(page("hookswitch.1.in"), "@COMMANDS@\n", manual::command_sections(program)));
    write(directory / "hookswitch.toml.5",
          filled(page("hookswitch.toml.5.in"), "@SETTINGS@\n",
                 manual::setting_sections(content(source / "config/hookswitch.toml"))));
    write(directory / "hookswitch.bash", manual::bash_completion(program));
    write(directory / "_hookswitch", manual::zsh_completion(program));
    write(directory / "hookswitch.fish", manual::fish_completion(program));
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 3) throw std::runtime_error("SOURCE and DIRECTORY are needed");
    write_all(argv[1], argv[2]);
    return 0;
} catch (const std::exception& e) {
    std::cerr << "hookswitch_manual: " << e.what() << '\n';
    return 1;
}
