// What log.redact keeps out of the log: telephone numbers, wherever they stand in a value.

#include "daemon/io/log.hpp"

#include <algorithm>
#include <optional>

namespace hookswitch::log {
namespace {

constexpr std::size_t kMostDigits = 15;  // E.164

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Number {
    std::size_t size = 0;  // in the text
    std::string digits;
    bool separated = false;
};

// Groups of digits with one character of `separators` between them, which has to be the same everywhere
// unless `mixed`; as many groups as make a number.
Number digits_at(std::string_view text, std::string_view separators, bool mixed) {
    Number number, before;
    char separator = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_digit(text[i])) {
            number.digits += text[i];
            number.size = i + 1;
            if (number.digits.size() > kMostDigits && number.separated) return before;
            continue;
        }
        const bool follows = i + 1 < text.size() && is_digit(text[i + 1]);
        const bool fits = separator == 0 || separator == text[i] || mixed;
        if (!follows || !fits || separators.find(text[i]) == std::string_view::npos) break;
        before = number;
        separator = text[i];
        number.separated = true;
    }
    return number;
}

// "+31 6 1234-5678", also as a URL has it: %2B31612345678.
std::optional<Number> international(std::string_view text) {
    const bool encoded = text.starts_with("%2B") || text.starts_with("%2b");
    if (!encoded && !text.starts_with('+')) return std::nullopt;
    const std::size_t plus = encoded ? 3 : 1;
    Number number = digits_at(text.substr(plus), " -.()", true);
    number.size += plus;
    if (number.digits.size() < 7) return std::nullopt;
    return number;
}

// 10 or 13 digits that begin with 1 are a Unix time: no country's numbers look like that.
bool is_unix_time(std::string_view digits) {
    return digits.front() == '1' && (digits.size() == 10 || digits.size() == 13);
}

// "0612345678", "020 123 4567", "31612345678": as a word of its own.
std::optional<Number> without_plus(std::string_view text) {
    Number number = digits_at(text, " -", false);
    if (number.separated && text.front() != '0') number = digits_at(text, "", false);
    const std::size_t count = number.digits.size();
    const bool word = number.size == text.size() || !is_word(text[number.size]);
    if (!word || count < 9 || count > kMostDigits || is_unix_time(number.digits)) return std::nullopt;
    return number;
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (const std::size_t dash : {8, 13, 18, 23})
        if (text[dash] != '-') return false;
    return std::ranges::count(text, '-') == 4;
}

}  // namespace

std::string masked_number(std::string_view value) {
    constexpr std::size_t kShownFront = 3, kShownBack = 2, kLongest = 32;
    if (value.size() <= kShownFront + kShownBack) return std::string(value.size(), '*');
    const auto hidden = std::min(value.size(), kLongest) - kShownFront - kShownBack;
    return std::string(value.substr(0, kShownFront)) + std::string(hidden, '*') +
           std::string(value.substr(value.size() - kShownBack));
}

std::optional<std::string> masked_numbers(std::string_view text) {
    if (is_uuid(text)) return std::nullopt;
    std::string masked;
    std::size_t kept = 0;  // all before it is in `masked`
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c != '+' && c != '%' && !is_digit(c)) continue;
        const bool begins = i == 0 || !is_word(text[i - 1]);
        const auto rest = text.substr(i);
        const auto number = !is_digit(c) ? international(rest) : begins ? without_plus(rest) : std::nullopt;
        if (number) {
            masked.append(text.substr(kept, i - kept));
            masked += masked_number(is_digit(c) ? number->digits : "+" + number->digits);
            kept = i + number->size;
            i = kept - 1;
        } else if (is_digit(c)) {
            while (i + 1 < text.size() && is_digit(text[i + 1])) ++i;
        }
    }
    if (kept == 0) return std::nullopt;
    return masked.append(text.substr(kept));
}

}  // namespace hookswitch::log
