#include "daemon/cli.hpp"
#include "daemon/commands.hpp"
#include "handlers/plugin.hpp"

#include <unistd.h>

#include <exception>
#include <iostream>

int main(int argc, char** argv) try {
    using namespace hookswitch;
    if (argc == 2 && argv[1] == kPluginTrial) run_plugin_trial();
    const Console console{std::cin, std::cout, std::cerr, isatty(STDERR_FILENO) == 1};
    return std::visit([&](const auto& command) { return run(command, console); }, cli::parse(argc, argv));
} catch (const std::exception& e) {
    std::cerr << "hookswitch: internal error: " << e.what() << '\n';
    return 1;
}
