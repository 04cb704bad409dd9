// Finding what is about one person.

#include "daemon/io/journal_purge.hpp"
#include "daemon/io/journal_schema.hpp"
#include "daemon/io/journal_table.hpp"

#include <algorithm>
#include <utility>

namespace hookswitch {
namespace {

constexpr std::size_t kFewestDigits = 7;  // fewer are met by chance
constexpr std::int64_t kPiece = std::int64_t{1} << kBucketBits;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What is the same in all spellings of a number: its digits without +, 00 and what separates them;
// empty: it is not a number that can be looked for in texts.
std::string needle_of(std::string_view number) {
    std::string digits;
    std::ranges::copy_if(number, std::back_inserter(digits), is_digit);
    if (std::ranges::any_of(number, [](char c) {
            return !is_digit(c) && std::string_view("+ -()./").find(c) == std::string_view::npos;
        }))
        return {};
    if (number.starts_with("00")) digits.erase(0, 2);
    return digits.size() < kFewestDigits ? std::string() : digits;
}

bool mentions_spelled(std::string_view text, std::string_view needle);

bool mentions(std::string_view text, std::string_view needle) {
    if (needle.empty()) return false;
    if (mentions_spelled(text, needle)) return true;
    for (auto at = text.find(needle); at != text.npos; at = text.find(needle, at + 1)) {
        const auto end = at + needle.size();
        if (end < text.size() && is_digit(text[end])) continue;
        if (at == 0 || !is_digit(text[at - 1])) return true;
        const bool prefixed = at >= 2 && text.substr(at - 2, 2) == "00";
        if (prefixed && (at == 2 || !is_digit(text[at - 3]))) return true;
    }
    return false;
}

bool is_separator(char c) { return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/'; }

// As people write numbers: "+31 6 1234 5678", and in the national form "06-12345678".
bool mentions_spelled(std::string_view text, std::string_view needle) {
    constexpr std::size_t kNational = 9;  // digits, with the leading 0; shorter ones are something else
    std::string run;
    const auto is_it = [&] {
        if (run == needle || run == "00" + std::string(needle)) return true;
        return run.size() >= kNational && run[0] == '0' && run[1] != '0' &&
               needle.ends_with(std::string_view(run).substr(1));
    };
    std::size_t gap = 0;
    for (const char c : text) {
        if (is_digit(c)) {
            run += c;
            gap = 0;
        } else if (!run.empty() && (!is_separator(c) || ++gap > 2)) {
            if (is_it()) return true;
            run.clear();
            gap = 0;
        }
    }
    return is_it();
}

// Reads one piece of the journal after the other.
class Scan {
public:
    Scan(sqlite::Database& database, std::string_view number)
        : database_(database), number_(number), needle_(needle_of(number)) {}

    Result<> prepare() {
        TRY(rows_, database_.prepare("SELECT seq, call, caller, called, head, body, encoding, size, handlers "
                                     "FROM event WHERE seq >= ? AND seq < ? ORDER BY seq"));
        TRY(answer_, database_.prepare("SELECT body, parts FROM answer WHERE seq = ?"));
        TRY(why_, database_.prepare("SELECT why FROM attempt WHERE seq = ? AND why IS NOT NULL"));
        return {};
    }

    Result<> piece(std::int64_t first, PersonEvents& out) {
        rows_.bind(1, first).bind(2, first + kPiece);
        for (;;) {
            TRY(const bool row, rows_.step());
            if (!row) break;
            TRY(const bool concerned, is_concerned());
            if (!concerned) continue;
            out.seqs.insert(rows_.integer(0));
            if (!rows_.is_null(1)) out.calls.emplace(rows_.text(1));
        }
        rows_.reset();
        return {};
    }

private:
    bool is_the_number(std::string_view text) const {
        return text == number_ || (!needle_.empty() && needle_of(text) == needle_);
    }

    Result<bool> is_concerned() {
        if (is_the_number(rows_.text(2)) || is_the_number(rows_.text(3))) return true;
        if (needle_.empty()) return false;
        if (mentions(rows_.text(1), needle_) || mentions(rows_.text(4), needle_)) return true;
        TRY(const auto body, decompress(rows_.text(5), static_cast<Encoding>(rows_.integer(6)),
                                        static_cast<std::size_t>(rows_.integer(7))));
        if (mentions(body, needle_)) return true;
        return said_beside(rows_.is_null(8) ? answer_ : why_);
    }

    Result<bool> said_beside(sqlite::Statement& texts) {
        texts.bind(1, rows_.integer(0));
        bool said = false;
        for (;;) {
            TRY(const bool row, texts.step());
            if (!row) break;
            said = said || mentions(texts.text(0), needle_) || mentions(texts.text(1), needle_);
        }
        texts.reset();
        return said;
    }

    sqlite::Database& database_;
    const std::string number_, needle_;
    sqlite::Statement rows_, answer_, why_;
};

}  // namespace

bool mentions_number(std::string_view text, std::string_view number) {
    return mentions(text, needle_of(number));
}

Result<PersonEvents> find_person(sqlite::Database& database, std::string_view number,
                                 const std::function<void(std::int64_t seq)>& looked_at) {
    PersonEvents found;
    Scan scan(database, number);
    if (auto r = scan.prepare(); !r) return r.error();
    TRY(const auto oldest, database.integer("SELECT seq FROM event ORDER BY seq LIMIT 1"));
    TRY(const auto newest, database.integer("SELECT seq FROM event ORDER BY seq DESC LIMIT 1"));
    for (std::int64_t first = oldest.value_or(1); first <= newest.value_or(0); first += kPiece) {
        if (auto r = scan.piece(first, found); !r) return r.error();
        looked_at(first);
    }
    return found;
}

}  // namespace hookswitch
