#include "daemon/cli.hpp"
#include "daemon/commands.hpp"

#include <unistd.h>

#include <exception>
#include <iostream>

int main(int argc, char** argv) try {
    using namespace hookswitch;
    const Console console{std::cin, std::cout, std::cerr, isatty(STDERR_FILENO) == 1};
    return std::visit([&](const auto& command) { return run(command, console); }, cli::parse(argc, argv));
} catch (const std::exception& e) {
    std::cerr << "hookswitch: internal error: " << e.what() << '\n';
    return 1;
}
