#include "handlers/opening_hours.hpp"

#include <date/tz.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>
#include <string>

namespace hookswitch {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::minutes;

constexpr std::array<std::string_view, 7> kDayNames{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

Error wrong(std::string_view text, std::string_view what) {
    return fail(Errc::invalid_config, "'" + std::string(text) + "' " + std::string(what));
}

// Exactly `width` digits, or nothing: "9:00" and "+9:00" are as wrong as "nine".
std::optional<int> digits(std::string_view text, std::size_t width) {
    int value = 0;
    if (text.size() != width || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::optional<minutes> read_time(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const auto hour = digits(text.substr(0, 2), 2), minute = digits(text.substr(3), 2);
    if (!hour || !minute || *minute > 59) return std::nullopt;
    const auto time = hours(*hour) + minutes(*minute);
    return time <= hours(24) ? std::optional<minutes>(time) : std::nullopt;
}

std::optional<std::size_t> read_day(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const auto* found = std::ranges::find(kDayNames, lower);
    if (found == kDayNames.end()) return std::nullopt;
    return static_cast<std::size_t>(found - kDayNames.begin());
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (auto end = text.find(separator); end != text.npos; end = text.find(separator)) {
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    parts.push_back(text);
    return parts;
}

}  // namespace

Result<TimeZone> TimeZone::find(std::string_view name) {
    TimeZone found;
    if (name == "UTC") return found;  // needs no database
    try {
        date::get_tzdb();
    } catch (const std::exception&) {
        return fail(Errc::invalid_config, "this system has no time zone database; install tzdata");
    }
    try {
        found.zone_ = date::locate_zone(std::string(name));
        found.zone_->get_info(date::sys_seconds{});  // loads the file now, not while a caller waits
    } catch (const std::exception&) {
        return wrong(name, "is not a time zone of the IANA database such as \"Europe/Amsterdam\"");
    }
    return found;
}

WallTime TimeZone::wall_time(std::chrono::system_clock::time_point now) const {
    const auto utc = std::chrono::floor<std::chrono::seconds>(now);
    auto local = utc.time_since_epoch();
    if (zone_) local += zone_->get_info(utc).offset;
    return WallTime(std::chrono::floor<minutes>(local));
}

Result<> Holidays::add(std::string_view date) {
    const std::string_view expected = "is not a date such as 2026-12-25, or 12-25 for every year";
    const bool every_year = date.size() == 5;
    const auto day_text = every_year ? date : date.size() == 10 ? date.substr(5) : std::string_view();
    if (day_text.size() != 5 || day_text[2] != '-') return wrong(date, expected);
    const auto month = digits(day_text.substr(0, 2), 2), day = digits(day_text.substr(3), 2);
    if (!month || !day) return wrong(date, expected);

    const std::chrono::month_day yearly(std::chrono::month(static_cast<unsigned>(*month)),
                                        std::chrono::day(static_cast<unsigned>(*day)));
    if (every_year) {
        if (!yearly.ok()) return wrong(date, expected);
        yearly_.insert(yearly);
        return {};
    }
    const auto year = digits(date.substr(0, 4), 4);
    if (!year || date[4] != '-') return wrong(date, expected);
    const auto whole = std::chrono::year(*year) / yearly;
    if (!whole.ok()) return wrong(date, expected);
    dates_.insert(whole);
    return {};
}

bool Holidays::contains(local_days day) const {
    if (empty()) return false;
    const std::chrono::year_month_day date(day);
    return dates_.contains(date) || yearly_.contains(date.month() / date.day());
}

Result<WeeklyHours::Days> WeeklyHours::read_days(std::string_view text) {
    if (text == "daily") return Days{true, true, true, true, true, true, true};
    Days result{};
    for (const auto part : split(text, ',')) {
        const auto ends = split(part, '-');
        const auto first = read_day(ends.front()), last = read_day(ends.back());
        if (!first || !last || ends.size() > 2)
            return wrong(part, "is not a day; write Mon, Tue, Wed, Thu, Fri, Sat, Sun, Mon-Fri or daily");
        for (auto day = *first; day != *last; day = (day + 1) % 7) result[day] = true;  // also Fri-Mon
        result[*last] = true;
    }
    return result;
}

Result<WeeklyHours::Span> WeeklyHours::read_span(const Days& days, std::string_view text) {
    const auto dash = text.find('-');
    const auto opens = read_time(text.substr(0, dash));
    const auto closes = dash == text.npos ? std::nullopt : read_time(text.substr(dash + 1));
    if (!opens || !closes || *opens == hours(24))
        return wrong(text, "is not a span of time such as 09:00-17:30");
    if (*opens == *closes) return wrong(text, "is empty; write 00:00-24:00 for a whole day");
    return Span{days, *opens, *opens < *closes ? *closes : *closes + hours(24)};
}

Result<> WeeklyHours::add(std::string_view text) {
    auto words = split(text, ' ');
    std::erase(words, std::string_view());  // of several blanks
    if (words.size() < 2) return wrong(text, "is not days and times such as \"Mon-Fri 09:00-17:30\"");
    TRY(const auto days, read_days(words.front()));
    std::vector<Span> spans;
    for (std::size_t i = 1; i < words.size(); ++i) {
        TRY(const auto span, read_span(days, words[i]));
        spans.push_back(span);
    }
    spans_.insert(spans_.end(), spans.begin(), spans.end());
    return {};
}

bool WeeklyHours::contains(WallTime time, const Holidays& holidays) const {
    const auto today = std::chrono::floor<days>(time);
    const auto spans_from = [&](local_days day) {
        const auto weekday = std::chrono::weekday(day).c_encoding();
        return std::ranges::any_of(spans_, [&](const Span& span) {
            return span.days[weekday] && span.opens <= time - day && time - day < span.closes;
        });
    };
    const auto counts = [&](local_days day) { return spans_from(day) && !holidays.contains(day); };
    return counts(today) || counts(today - days(1));  // yesterday's may reach past midnight
}

bool OpeningHours::open_at(WallTime time) const {
    if (weekly.empty()) return !holidays.contains(std::chrono::floor<days>(time));
    return weekly.contains(time, holidays);
}

}  // namespace hookswitch
