#include "handlers/number_list.hpp"

#include "daemon/core/glob.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

namespace hookswitch {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kBlanks = " \t\r\v\f";

// E.164 allows 15 digits.
constexpr std::size_t kMaxDigits = 15;

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(kBlanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// What people put between digits. "(0)" is the trunk prefix of "+31 (0)20 123", not dialled from abroad.
std::string without_separators(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+' && !plain.empty()) return {};  // "+31 20+32": two numbers
        if (text.substr(at).starts_with("(0)") && plain.starts_with('+')) {
            at += 2;
            continue;
        }
        if (std::string_view(" \t-()./").find(text[at]) == std::string_view::npos) plain += text[at];
    }
    return plain;
}

bool is_made_of(std::string_view number, std::string_view allowed) {
    if (number.starts_with('+')) number.remove_prefix(1);
    return !number.empty() && number.find_first_not_of(allowed) == number.npos;
}

bool is_number_or_pattern(std::string_view number) {
    const auto is_digit = [](char c) { return kDigits.find(c) != std::string_view::npos; };
    return is_made_of(number, "0123456789*?") &&
           std::ranges::count_if(number, is_digit) <= std::ptrdiff_t(kMaxDigits);
}

}  // namespace

Result<std::vector<ListLine>> read_list(const std::filesystem::path& file) {
    const auto broken = [&](int error) {
        return fail({error, boost::system::system_category()}, "open " + file.string());
    };
    std::error_code ignored;  // the stream says why it does not open
    if (std::filesystem::is_directory(file, ignored)) return broken(EISDIR);
    std::ifstream in(file, std::ios::binary);
    if (!in) return broken(errno);

    std::vector<ListLine> lines;
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
        std::string_view text = line;
        if (number == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // as saved by Notepad
        text = trimmed(text.substr(0, text.find('#')));
        if (!text.empty()) lines.push_back({number, std::string(text)});
    }
    return lines;
}

Result<> NumberList::add(std::string_view line) {
    auto number = without_separators(line);
    if (!is_number_or_pattern(number))
        return fail(Errc::invalid_config,
                    "'" + std::string(line) +
                        "' is not a telephone number such as +31612345678 or a pattern such as +31*");
    // The platform sends E.164: a national number would never match, and nobody would be told.
    if (number.starts_with('0'))
        return fail(Errc::invalid_config,
                    "'" + std::string(line) + "' has no country code; write it as in +31612345678");

    if (number.find_first_of("*?") == number.npos)
        numbers_.insert(std::move(number));
    else
        patterns_.push_back(std::move(number));
    return {};
}

bool NumberList::contains(std::optional<std::string_view> number) const {
    if (!number) return false;
    std::string plain;
    if (!is_made_of(*number, kDigits)) {
        plain = without_separators(*number);
        if (!is_made_of(plain, kDigits)) return false;
        number = plain;
    }
    const auto matches = [&](const std::string& pattern) { return glob_match(pattern, *number); };
    return numbers_.contains(*number) || std::ranges::any_of(patterns_, matches);
}

}  // namespace hookswitch
