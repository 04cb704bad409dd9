// [[handler]] of type plugin.

#include "daemon/config_sections.hpp"

#include <unistd.h>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;

void read_library(Table& in, PluginSettings& out) {
    const auto* node = in.find("library");
    if (!node) return in.mistake("library", "missing");
    in.read_path("library", out.library);
    out.place = in.file().place(node->source().begin, in.full_key("library"));
    if (!node->is_string() || out.library.empty()) return;
    const std::string file = "'" + out.library.string() + "'";
    std::error_code error;
    if (!std::filesystem::is_regular_file(out.library, error))
        in.mistake(*node, "library", file + " is not a file");
    else if (::access(out.library.c_str(), R_OK) != 0)
        in.mistake(*node, "library", file + " cannot be read");
}

}  // namespace

// Whether the library is a plugin shows only when it is loaded, which runs its code: `check` does it.
PluginSettings read_plugin(Table& in, std::string name) {
    PluginSettings settings;
    settings.name = std::move(name);
    read_library(in, settings);
    if (auto json = in.json("settings"); !json.empty()) settings.settings = std::move(json);
    in.read_count("threads", settings.threads, 1, 256);
    in.read_count("queue", settings.queue, 1, 1'000'000);
    in.read("start_timeout", settings.start_timeout, 10ms, 10min);
    in.read("hang_timeout", settings.hang_timeout, 0ms, 10min);
    return settings;
}

}  // namespace hookswitch
