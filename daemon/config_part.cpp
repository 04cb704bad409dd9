#include "daemon/config_part.hpp"

#include <fstream>
#include <sstream>

namespace hookswitch {
namespace {

Result<std::string> read_text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail({errno, boost::system::system_category()}, "open " + file.string());
    std::ostringstream text;
    if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
    if (in.bad() || !text) return fail({errno, boost::system::system_category()}, "read " + file.string());
    return text.str();
}

}  // namespace

Result<> read_config_part(const std::filesystem::path& config, std::string_view section,
                          const std::function<void(Table)>& read) {
    TRY(const auto text, read_text(config));
    ConfigFile file(config);
    toml::table tree;
    try {
        tree = toml::parse(text, config.string());
    } catch (const toml::parse_error& e) {
        file.mistake(e.source().begin, "", e.description());
        return fail(Errc::invalid_config, file.mistakes());
    }
    Table(tree, "", file).table(section, read);
    if (file.faulty()) return fail(Errc::invalid_config, file.mistakes());
    return {};
}

}  // namespace hookswitch
