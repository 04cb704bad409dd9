#include "daemon/platform_location.hpp"

#include "daemon/config_part.hpp"
#include "daemon/config_sections.hpp"

namespace hookswitch {

Result<std::optional<PlatformSettings>> locate_platform(const std::filesystem::path& config, bool with_key) {
    std::optional<PlatformSettings> settings;
    const auto read = read_config_part(config, "platform", [&](Table platform) {
        read_platform_settings(platform, settings.emplace());
        platform.find("api_key_file");  // it is a known key, also if nobody wants what it names
        auto key = with_key ? read_api_key(platform) : std::nullopt;
        if (key) settings->api_key = *std::move(key);
        platform.finish();
    });
    if (!read) return read.error();
    return settings;
}

}  // namespace hookswitch
