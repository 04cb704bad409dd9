// serve and check: what the daemon itself is.

#include "daemon/commands.hpp"

#include "daemon/check_plugins.hpp"
#include "daemon/config.hpp"
#include "daemon/io/log.hpp"
#include "daemon/serve.hpp"

#include <spdlog/fmt/fmt.h>

namespace hookswitch {
namespace {

std::string counted(std::size_t n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

int run(const cli::Serve& args, const Console&) {
    if (args.log_format) log::fix_format(*args.log_format);
    return serve(args.config);
}

int run(const cli::Check& args, const Console& console) {
    const auto config = load_config(args.config);
    if (!config && config.error() == Errc::invalid_config) {
        console.out << config.error().what() << '\n';  // FILE:LINE:COL: ..., one a line
        return 1;
    }
    if (!config) return complain(console, "check: " + config.error().what());
    for (const std::string& warning : config->warnings) console.out << warning << '\n';
    if (!check_plugins(*config, console.out, console.err)) return 1;
    console.out << fmt::format(
        "{}: ok: {}, {}, {}\n", args.config.string(), counted(config->sources.size(), "source"),
        counted(config->handlers.size(), "handler"), counted(config->routes.size(), "route"));
    return 0;
}

}  // namespace hookswitch
