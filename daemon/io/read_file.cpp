#include "daemon/io/read_file.hpp"

#include "daemon/core/signature.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

namespace hookswitch {
namespace {

struct Descriptor {
    int number;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

Error cannot_open(const std::filesystem::path& file) {
    return fail({errno, boost::system::system_category()}, "open " + file.string());
}

// A string that grows by itself would leave what it held behind.
void enlarge(std::string& text) {
    std::string larger(std::max<std::size_t>(2 * text.size(), 4096), '\0');
    std::ranges::copy(text, larger.begin());
    wipe(text);
    text.swap(larger);
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail({errno, boost::system::system_category()}, "open " + file.string());
    std::ostringstream text;
    // Copying nothing counts as a failure, and an empty file is none.
    if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
    if (in.bad() || !text) return fail({errno, boost::system::system_category()}, "read " + file.string());
    return text.str();
}

// Not a stream: those open directories, and read nothing from them without a word.
Result<FileContent> read_file(const std::filesystem::path& file, std::size_t most) {
    const Descriptor fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    FileContent content;
    if (fd.number < 0 || ::fstat(fd.number, &content.status) != 0) return cannot_open(file);
    if (S_ISFIFO(content.status.st_mode))  // whose end may never come
        return fail(Errc::invalid_config, "open " + file.string() + ": is a pipe, not a file");
    std::string& text = content.text;
    for (std::size_t size = 0;;) {
        if (size == text.size()) enlarge(text);
        const ssize_t n = ::read(fd.number, text.data() + size, text.size() - size);
        if (n < 0 && errno != EINTR) return cannot_open(file);
        if (n > 0) size += static_cast<std::size_t>(n);
        if (n == 0 || size > most) {
            text.resize(size);
            break;
        }
    }
    if (text.size() <= most) return content;
    wipe(text);
    return fail(Errc::invalid_config,
                "open " + file.string() + ": over " + std::to_string(most >> 10) + " KiB");
}

}  // namespace hookswitch
