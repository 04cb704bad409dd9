#pragma once

// Lists of telephone numbers that an operator keeps in a text file: regular customers, nuisance
// callers. One number or pattern (`+31*`) a line, written the way people write numbers, with
// comments. Reading a file and understanding a line are apart, so the second needs no disk.

#include "daemon/core/result.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace hookswitch {

struct ListLine {
    std::size_t number;  // from 1
    std::string text;
};

/// The lines of a text file without comments (`#` to the end of the line), surrounding blanks and
/// empty lines. Fails with the system's error: "open /etc/vip.txt: No such file or directory".
Result<std::vector<ListLine>> read_list(const std::filesystem::path& file);

/// Telephone numbers and patterns of them. Not changed once it is in use, so any thread may ask.
class NumberList {
public:
    /// Adds one line: a number in international form, a short number, or either with `*` and `?`.
    /// Errc::invalid_config if it is none of them.
    Result<> add(std::string_view line);

    /// True if `number` is on the list. A caller who withholds the number, or whose "number" is a
    /// word such as "anonymous", is on no list, not even on that with `*`.
    bool contains(std::optional<std::string_view> number) const;

private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;  // asks with a view, builds no string
    };

    std::unordered_set<std::string, Hash, std::equal_to<>> numbers_;
    std::vector<std::string> patterns_;
};

}  // namespace hookswitch
