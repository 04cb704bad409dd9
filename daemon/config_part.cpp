#include "daemon/config_part.hpp"

#include "daemon/io/read_file.hpp"

namespace hookswitch {

Result<> read_config_part(const std::filesystem::path& config, std::string_view section,
                          const std::function<void(Table)>& read) {
    TRY(const auto text, read_file(config));
    ConfigFile file(config);
    const auto tree = file.parse(text);
    if (tree) Table(*tree, "", file).table(section, read);
    if (file.faulty()) return fail(Errc::invalid_config, file.mistakes());
    return {};
}

}  // namespace hookswitch
