#include "handlers/opening_hours.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace hookswitch {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_days;

// "Fri 2026-01-09 08:59" as a wall clock shows it; the weekday is for the reader, and checked.
WallTime at(const std::string& text) {
    const auto number = [&](std::size_t from, std::size_t count) {
        return std::stoi(text.substr(from, count));
    };
    const std::chrono::year_month_day date(std::chrono::year(number(4, 4)),
                                           std::chrono::month(static_cast<unsigned>(number(9, 2))),
                                           std::chrono::day(static_cast<unsigned>(number(12, 2))));
    constexpr const char* kNames[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    EXPECT_EQ(text.substr(0, 3), kNames[std::chrono::weekday(local_days(date)).c_encoding()]) << text;
    return local_days(date) + std::chrono::hours(number(15, 2)) + std::chrono::minutes(number(18, 2));
}

WeeklyHours weekly(std::initializer_list<const char*> lines) {
    WeeklyHours hours;
    for (const char* line : lines) {
        auto added = hours.add(line);
        EXPECT_TRUE(added) << added.error().what();
    }
    return hours;
}

Holidays holidays(std::initializer_list<const char*> dates) {
    Holidays result;
    for (const char* date : dates) {
        auto added = result.add(date);
        EXPECT_TRUE(added) << added.error().what();
    }
    return result;
}

TEST(WeeklyHours, KnowEveryMinuteOfTheWeek) {
    struct {
        const char* hours;
        const char* time;
        bool open;
    } const cases[] = {
        {"Mon-Fri 09:00-17:30", "Fri 2026-01-09 08:59", false},
        {"Mon-Fri 09:00-17:30", "Fri 2026-01-09 09:00", true},
        {"Mon-Fri 09:00-17:30", "Fri 2026-01-09 17:29", true},
        {"Mon-Fri 09:00-17:30", "Fri 2026-01-09 17:30", false},
        {"Mon-Fri 09:00-17:30", "Sat 2026-01-10 12:00", false},
        {"Mon-Fri 09:00-17:30", "Sun 2026-01-11 12:00", false},
        {"mon-FRI 09:00-17:30", "Mon 2026-01-12 12:00", true},
        {"Sat,Sun 10:00-14:00", "Sun 2026-01-11 10:00", true},
        {"Sat,Sun 10:00-14:00", "Mon 2026-01-12 10:00", false},
        {"Mon,Wed-Thu 10:00-14:00", "Mon 2026-01-12 10:00", true},
        {"Mon,Wed-Thu 10:00-14:00", "Tue 2026-01-13 10:00", false},
        {"Mon,Wed-Thu 10:00-14:00", "Thu 2026-01-15 10:00", true},
        {"Fri-Mon 10:00-14:00", "Sat 2026-01-10 10:00", true},
        {"Fri-Mon 10:00-14:00", "Mon 2026-01-12 10:00", true},
        {"Fri-Mon 10:00-14:00", "Tue 2026-01-13 10:00", false},
        {"daily 08:00-20:00", "Sun 2026-01-11 19:59", true},
        {"Mon 09:00-12:00 13:00-17:00", "Mon 2026-01-12 11:59", true},
        {"Mon 09:00-12:00 13:00-17:00", "Mon 2026-01-12 12:30", false},
        {"Mon   09:00-12:00  13:00-17:00 ", "Mon 2026-01-12 13:00", true},
        {"Mon 00:00-24:00", "Mon 2026-01-12 00:00", true},
        {"Mon 00:00-24:00", "Mon 2026-01-12 23:59", true},
        {"Mon 00:00-24:00", "Tue 2026-01-13 00:00", false},
        {"Mon 18:00-00:00", "Mon 2026-01-12 23:59", true},
        {"Mon 18:00-00:00", "Tue 2026-01-13 00:00", false},
        {"Mon-Sun 22:00-02:00", "Wed 2026-01-14 21:59", false},
        {"Mon-Sun 22:00-02:00", "Wed 2026-01-14 22:00", true},
        {"Mon-Sun 22:00-02:00", "Thu 2026-01-15 01:59", true},
        {"Mon-Sun 22:00-02:00", "Thu 2026-01-15 02:00", false},
        {"Sat 22:00-02:00", "Sun 2026-01-11 01:00", true},
        {"Sat 22:00-02:00", "Sat 2026-01-10 01:00", false},
        {"Sun 22:00-02:00", "Mon 2026-01-12 01:00", true},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.hours) + " at " + c.time);
        EXPECT_EQ(weekly({c.hours}).contains(at(c.time)), c.open);
    }
}

TEST(WeeklyHours, AddUp) {
    const auto hours = weekly({"Mon-Fri 09:00-17:30", "Sat 10:00-14:00"});
    EXPECT_TRUE(hours.contains(at("Fri 2026-01-09 17:00")));
    EXPECT_TRUE(hours.contains(at("Sat 2026-01-10 13:59")));
    EXPECT_FALSE(hours.contains(at("Sat 2026-01-10 17:00")));
}

TEST(WeeklyHours, RefuseWhatTheyDoNotUnderstand) {
    const std::string days = " is not a day; write Mon, Tue, Wed, Thu, Fri, Sat, Sun, Mon-Fri or daily";
    const std::string span = " is not a span of time such as 09:00-17:30";
    const std::string line = " is not days and times such as \"Mon-Fri 09:00-17:30\"";
    const std::pair<const char*, std::string> cases[] = {
        {"", "''" + line},
        {"Mon-Fri", "'Mon-Fri'" + line},
        {"09:00-17:30", "'09:00-17:30'" + line},
        {"Mo-Fr 09:00-17:30", "'Mo-Fr'" + days},
        {"Monday 09:00-17:30", "'Monday'" + days},
        {"Mon-Wed-Fri 09:00-17:30", "'Mon-Wed-Fri'" + days},
        {"Mon, 09:00-17:30", "''" + days},
        {"Mon - Fri 09:00-17:30", "'-'" + span},
        {"Mon 9-17", "'9-17'" + span},
        {"Mon 9:00-17:00", "'9:00-17:00'" + span},
        {"Mon 09:00-17:60", "'09:00-17:60'" + span},
        {"Mon 09:00-24:01", "'09:00-24:01'" + span},
        {"Mon 24:00-02:00", "'24:00-02:00'" + span},
        {"Mon 09:00-12:00-13:00", "'09:00-12:00-13:00'" + span},
        {"Mon 09:00-12:00,13:00-17:00", "'09:00-12:00,13:00-17:00'" + span},
        {"Mon -1:00-17:00", "'-1:00-17:00'" + span},
        {"Mon 09:00-17:00 pm", "'pm'" + span},
        {"Mon 09:00-09:00", "'09:00-09:00' is empty; write 00:00-24:00 for a whole day"},
    };
    for (const auto& [text, what] : cases) {
        WeeklyHours hours;
        auto added = hours.add(text);
        ASSERT_FALSE(added) << text;
        EXPECT_EQ(added.error().what(), what);
        EXPECT_EQ(added.error(), Errc::invalid_config);
        EXPECT_TRUE(hours.empty()) << text;
    }
}

TEST(OpeningHours, CloseForTheWholeHoliday) {
    const OpeningHours shop{weekly({"daily 09:00-17:00"}), holidays({"2026-04-06", "12-25", "02-29"})};
    EXPECT_FALSE(shop.open_at(at("Mon 2026-04-06 12:00")));
    EXPECT_TRUE(shop.open_at(at("Tue 2027-04-06 12:00")));  // Easter Monday of another year
    EXPECT_FALSE(shop.open_at(at("Fri 2026-12-25 12:00")));
    EXPECT_FALSE(shop.open_at(at("Sat 2027-12-25 12:00")));
    EXPECT_FALSE(shop.open_at(at("Tue 2028-02-29 12:00")));
    EXPECT_TRUE(shop.open_at(at("Wed 2028-03-01 12:00")));
}

TEST(OpeningHours, CountASpanOverMidnightToTheDayItBegan) {
    const OpeningHours bar{weekly({"daily 20:00-03:00"}), holidays({"2026-12-25"})};
    EXPECT_TRUE(bar.open_at(at("Fri 2026-12-25 02:59")));   // still Thursday's
    EXPECT_FALSE(bar.open_at(at("Fri 2026-12-25 21:00")));  // the holiday
    EXPECT_FALSE(bar.open_at(at("Sat 2026-12-26 01:00")));  // the holiday's
    EXPECT_TRUE(bar.open_at(at("Sat 2026-12-26 20:00")));
}

TEST(OpeningHours, WithoutHoursAreAllButTheHolidays) {
    const OpeningHours always{{}, holidays({"01-01"})};
    EXPECT_TRUE(always.open_at(at("Wed 2025-12-31 23:59")));
    EXPECT_FALSE(always.open_at(at("Thu 2026-01-01 00:00")));
    EXPECT_FALSE(always.open_at(at("Thu 2026-01-01 23:59")));
    EXPECT_TRUE(always.open_at(at("Fri 2026-01-02 00:00")));
    EXPECT_TRUE(OpeningHours{}.open_at(at("Fri 2026-01-02 00:00")));
}

TEST(Holidays, RefuseWhatIsNotADate) {
    for (const char* text : {"", "2026", "25-12-2026", "2026-13-01", "2026-02-29", "2026/12/25", "02-30",
                             "12-00", "1-1", "12.25", "2026-12-2x", "+026-12-25", "2026-12-25 "}) {
        Holidays result;
        auto added = result.add(text);
        ASSERT_FALSE(added) << text;
        EXPECT_EQ(added.error().what(),
                  "'" + std::string(text) + "' is not a date such as 2026-12-25, or 12-25 for every year");
        EXPECT_TRUE(result.empty());
    }
}

std::chrono::system_clock::time_point utc(const std::string& text) {
    return std::chrono::sys_time<std::chrono::minutes>(at(text).time_since_epoch());
}

TEST(TimeZone, ShowsTheWallClockOfThePlace) {
    struct {
        const char* zone;
        const char* utc;
        const char* local;
    } const cases[] = {
        {"UTC", "Sun 2026-03-29 01:00", "Sun 2026-03-29 01:00"},
        {"Europe/Amsterdam", "Fri 2026-01-09 08:00", "Fri 2026-01-09 09:00"},
        {"Europe/Amsterdam", "Sun 2026-03-29 00:59", "Sun 2026-03-29 01:59"},  // put forward next minute
        {"Europe/Amsterdam", "Sun 2026-03-29 01:00", "Sun 2026-03-29 03:00"},
        {"Europe/Amsterdam", "Sun 2026-10-25 00:30", "Sun 2026-10-25 02:30"},  // twice on that night
        {"Europe/Amsterdam", "Sun 2026-10-25 01:30", "Sun 2026-10-25 02:30"},
        {"Europe/Amsterdam", "Sun 2026-10-25 02:00", "Sun 2026-10-25 03:00"},
        {"Europe/Amsterdam", "Thu 2026-12-31 23:00", "Fri 2027-01-01 00:00"},
        {"America/New_York", "Sun 2026-11-01 05:59", "Sun 2026-11-01 01:59"},
        {"America/New_York", "Sun 2026-11-01 06:00", "Sun 2026-11-01 01:00"},
        {"Asia/Kolkata", "Fri 2026-01-09 18:31", "Sat 2026-01-10 00:01"},
        {"Pacific/Kiritimati", "Fri 2026-01-09 10:00", "Sat 2026-01-10 00:00"},
        {"Europe/Amsterdam", "Tue 2036-07-01 10:00", "Tue 2036-07-01 12:00"},  // still knows summer time
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.zone) + " " + c.utc);
        auto zone = TimeZone::find(c.zone);
        ASSERT_TRUE(zone) << zone.error().what();
        EXPECT_EQ(zone->wall_time(utc(c.utc)), at(c.local));
    }
    EXPECT_EQ(TimeZone().wall_time(utc("Fri 2026-01-09 08:00") + 59'999ms), at("Fri 2026-01-09 08:00"));
    EXPECT_EQ(TimeZone().wall_time(std::chrono::system_clock::time_point(-1ms)), at("Wed 1969-12-31 23:59"));
}

TEST(TimeZone, RefusesAnUnknownName) {
    for (const char* name :
         {"", "Europe/Amsterdm", "europe/amsterdam", "CET+1", "../../etc/passwd", "zone.tab"}) {
        auto zone = TimeZone::find(name);
        ASSERT_FALSE(zone) << name;
        EXPECT_EQ(zone.error().what(),
                  "'" + std::string(name) +
                      "' is not a time zone of the IANA database such as \"Europe/Amsterdam\"");
    }
}

// The days on which the clock changes, through zone and hours together: minutes open in that night.
TEST(TimeZone, KeepsHoursOnTheWallClockWhenItChanges) {
    auto zone = TimeZone::find("Europe/Amsterdam");
    ASSERT_TRUE(zone);
    struct {
        const char* from_utc;  // local noon of the day before
        const char* hours;
        int open_minutes;
    } const cases[] = {
        {"Sat 2026-03-28 11:00", "Sun 00:00-24:00", 23 * 60},
        {"Sat 2026-03-28 11:00", "Sat 22:00-04:00", 5 * 60},
        {"Sat 2026-03-28 11:00", "Sun 02:00-03:00", 0},
        {"Sat 2026-03-28 11:00", "Sun 09:00-17:00", 8 * 60},
        {"Sat 2026-10-24 10:00", "Sun 00:00-24:00", 25 * 60},
        {"Sat 2026-10-24 10:00", "Sat 22:00-04:00", 7 * 60},
        {"Sat 2026-10-24 10:00", "Sun 02:00-03:00", 120},
        {"Sat 2026-10-24 10:00", "Sun 09:00-17:00", 8 * 60},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.from_utc) + " " + c.hours);
        const auto hours = weekly({c.hours});
        int open = 0;
        for (int minute = 0; minute < 48 * 60; ++minute)
            open += hours.contains(zone->wall_time(utc(c.from_utc) + std::chrono::minutes(minute)));
        EXPECT_EQ(open, c.open_minutes);
    }
}

}  // namespace
}  // namespace hookswitch
