#include "daemon/io/read_file.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>

namespace hookswitch {

Result<std::string> read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail({errno, boost::system::system_category()}, "open " + file.string());
    std::ostringstream text;
    // Copying nothing counts as a failure, and an empty file is none.
    if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
    if (in.bad() || !text) return fail({errno, boost::system::system_category()}, "read " + file.string());
    return text.str();
}

}  // namespace hookswitch
