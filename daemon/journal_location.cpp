#include "daemon/journal_location.hpp"

#include "daemon/config_part.hpp"
#include "daemon/config_sections.hpp"

namespace hookswitch {

Result<JournalSettings> locate_journal(const std::filesystem::path& config) {
    JournalSettings settings;
    settings.path = ConfigFile(config).directory() / settings.path;
    bool on_disk = true;
    const auto read = read_config_part(
        config, "journal", [&](Table journal) { on_disk = read_journal_settings(journal, settings); });
    if (!read) return read.error();
    if (!on_disk)
        return fail(Errc::invalid_config,
                    config.string() + " keeps no journal: [journal] has sync = \"off\"");
    return settings;
}

}  // namespace hookswitch
