// The configuration: any text is taken or refused with the place of each mistake.

#include "daemon/config.hpp"

#include "tests/fuzz/fuzz.hpp"

#include <algorithm>
#include <string>

namespace hookswitch {
namespace {

using fuzz::require;

// What a configuration names is opened. Lists and holidays beside the example are welcome; devices and
// the kernel's files are not: they may block, or never end.
bool names_foreign_files(std::string_view text) {
    for (const std::string_view part : {"/dev", "/proc", "/sys", ".."})
        if (text.find(part) != text.npos) return true;
    return false;
}

void require_places(std::string_view mistakes, std::string_view file) {
    require(!mistakes.empty(), "refused with a reason");
    while (!mistakes.empty()) {
        const auto line = mistakes.substr(0, mistakes.find('\n'));
        require(line.starts_with(file), "each mistake is one line that begins with its place");
        mistakes.remove_prefix(std::min(line.size() + 1, mistakes.size()));
    }
}

void require_sound(const Config& config) {
    require(!config.sources.empty(), "something is received");
    for (const Source& source : config.sources) {
        require(!source.name.empty() && source.path.starts_with('/'), "a source has a name and a path");
        require(source.signature.insecure_no_signature || !source.signature.keys.empty(),
                "a source has a secret");
    }
    for (const RouteSettings& route : config.routes) {
        const auto is_its = [&](const HandlerConfig& handler) { return handler.name == route.handler; };
        require(std::ranges::any_of(config.handlers, is_its), "a route has a handler");
    }
    require(!config.server.listen.empty(), "there is something to listen on");
}

}  // namespace
}  // namespace hookswitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace hookswitch;
    const auto text = fuzz::text_of(data, size);
    if (names_foreign_files(text)) return 0;
    static const std::string kFile = CONFIG_DIRECTORY "/fuzz.toml";
    const auto config = parse_config(text, kFile);
    if (config) {
        require_sound(*config);
        for (const auto& warning : config->warnings) require_places(warning, kFile);
    } else {
        require(config.error() == Errc::invalid_config, "refused as a configuration");
        require_places(config.error().what(), kFile);
    }
    return 0;
}
