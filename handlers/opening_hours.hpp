#pragma once

// When somebody is there: hours by day of the week, less holidays, on the wall clock of a place.
// Wall clock means that "09:00" is nine o'clock in the shop, in winter and in summer; on the night
// the clock is put back, a span that covers the repeated hour covers both passes of it.

#include "daemon/core/result.hpp"

#include <array>
#include <chrono>
#include <set>
#include <string_view>
#include <vector>

namespace date {
class time_zone;
}

namespace hookswitch {

/// A reading of a wall clock, to the minute.
using WallTime = std::chrono::local_time<std::chrono::minutes>;

/// A time zone of the system's IANA database (Debian package tzdata). Without find(): UTC.
class TimeZone {
public:
    TimeZone() = default;

    /// Errc::invalid_config if there is no zone of that name. Reads the zone's file.
    static Result<TimeZone> find(std::string_view name);

    /// Any thread.
    WallTime wall_time(std::chrono::system_clock::time_point now) const;

private:
    const date::time_zone* zone_ = nullptr;  // lives as long as the program
};

/// Days on which the place is closed from midnight to midnight.
class Holidays {
public:
    /// "2026-12-25", or "12-25" for that day of every year. Errc::invalid_config otherwise.
    Result<> add(std::string_view date);

    bool contains(std::chrono::local_days day) const;
    bool empty() const { return dates_.empty() && yearly_.empty(); }

private:
    std::set<std::chrono::year_month_day> dates_;
    std::set<std::chrono::month_day> yearly_;
};

/// Spans of time by day of the week. The opening minute belongs to a span, the closing one does not.
class WeeklyHours {
public:
    /// Days, then one span or more: "Mon-Fri 09:00-12:00 13:00-17:30", "Sat,Sun 10:00-24:00",
    /// "daily 08:00-20:00", "Fri-Sat 22:00-02:00" (until the next morning).
    /// Errc::invalid_config, quoting the part that is wrong.
    Result<> add(std::string_view text);

    /// A span that began on one of `holidays` does not count, whichever day it is by now.
    bool contains(WallTime time, const Holidays& holidays = {}) const;
    bool empty() const { return spans_.empty(); }

private:
    using Days = std::array<bool, 7>;  // from Sunday, as std::chrono::weekday::c_encoding()
    struct Span {
        Days days;                           // on which it begins
        std::chrono::minutes opens, closes;  // after that day's midnight; closes can be past 24 h
    };

    static Result<Days> read_days(std::string_view text);
    static Result<Span> read_span(const Days& days, std::string_view text);

    std::vector<Span> spans_;
};

/// Hours and holidays together. Without hours it is open on every day that is not a holiday.
struct OpeningHours {
    WeeklyHours weekly;
    Holidays holidays;

    bool open_at(WallTime time) const;
    bool empty() const { return weekly.empty() && holidays.empty(); }
};

}  // namespace hookswitch
