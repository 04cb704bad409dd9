#include "daemon/journal_location.hpp"

#include "daemon/config_sections.hpp"

#include <fstream>
#include <sstream>

namespace hookswitch {
namespace {

Result<std::string> read_text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail({errno, boost::system::system_category()}, "open " + file.string());
    std::ostringstream text;
    text << in.rdbuf();
    if (!in || !text) return fail({errno, boost::system::system_category()}, "read " + file.string());
    return text.str();
}

}  // namespace

Result<JournalSettings> locate_journal(const std::filesystem::path& config) {
    TRY(const auto text, read_text(config));
    ConfigFile file(config);
    toml::table tree;
    try {
        tree = toml::parse(text, config.string());
    } catch (const toml::parse_error& e) {
        file.mistake(e.source().begin, "", e.description());
        return fail(Errc::invalid_config, file.mistakes());
    }
    JournalSettings settings;
    settings.path = file.directory() / settings.path;
    bool on_disk = true;
    if (const auto* table = tree["journal"].as_table()) {
        Table journal(*table, "journal.", file);
        on_disk = read_journal_settings(journal, settings);
    }
    if (file.faulty()) return fail(Errc::invalid_config, file.mistakes());
    if (!on_disk)
        return fail(Errc::invalid_config,
                    config.string() + " keeps no journal: [journal] has sync = \"off\"");
    return settings;
}

}  // namespace hookswitch
