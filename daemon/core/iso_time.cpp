#include "daemon/core/iso_time.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace hookswitch {
namespace {

using namespace std::chrono;

// Reads fixed-width fields from the front of a text; any miss makes the whole reading fail.
class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    int digits(std::size_t width) {
        int value = 0;
        for (std::size_t i = 0; i < width; ++i) {
            const int c = next();
            if (c < '0' || c > '9') return ok_ = false, 0;
            value = value * 10 + (c - '0');
        }
        return value;
    }
    void expect(char c) { ok_ = next() == c && ok_; }
    int next() {
        if (text_.empty()) return ok_ = false, -1;
        const char c = text_.front();
        text_.remove_prefix(1);
        return c;
    }
    int peek() const { return text_.empty() ? -1 : text_.front(); }
    bool done() const { return ok_ && text_.empty(); }

private:
    std::string_view text_;
    bool ok_ = true;
};

milliseconds read_fraction(Reader& in) {
    if (in.peek() != '.') return {};
    in.next();
    int value = 0, scale = 1000;
    do {
        const int digit = in.digits(1);
        if (scale > 1) value = value * 10 + digit, scale /= 10;
    } while (in.peek() >= '0' && in.peek() <= '9');
    return milliseconds(value * scale);
}

minutes read_offset(Reader& in) {
    const int sign = in.next();
    if (sign == 'Z') return {};
    const int h = in.digits(2);
    in.expect(':');
    const minutes offset = hours(h) + minutes(in.digits(2));
    if (sign == '-') return -offset;
    if (sign != '+') in.expect('\0');  // neither: not a time
    return offset;
}

}  // namespace

std::string iso_time(Milliseconds time) {
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    std::array<char, 48> text{};
    const int size = std::snprintf(
        text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<Milliseconds> parse_iso_time(std::string_view text) {
    Reader in(text);
    const int y = in.digits(4);
    in.expect('-');
    const int m = in.digits(2);
    in.expect('-');
    const int d = in.digits(2);
    in.expect('T');
    const int hour = in.digits(2);
    in.expect(':');
    const int minute = in.digits(2);
    in.expect(':');
    const int second = in.digits(2);
    const milliseconds fraction = read_fraction(in);
    const minutes offset = read_offset(in);
    const year_month_day date = year(y) / month(static_cast<unsigned>(m)) / day(static_cast<unsigned>(d));
    if (!in.done() || !date.ok() || hour > 24 || minute > 59 || second > 60) return std::nullopt;
    return sys_days(date) + hours(hour) + minutes(minute) + seconds(second) + fraction - offset;
}

// The three forms that RFC 9110 (5.6.7) wants understood. No locale is ever set in this program.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
    const std::string whole(text);
    for (const char* form :
         {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"}) {
        tm parts{};
        const char* rest = ::strptime(whole.c_str(), form, &parts);
        if (!rest || *rest) continue;
        return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
    }
    return std::nullopt;
}

// The C locale's names are what the format prescribes.
std::string http_date(sys_seconds time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 40> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc)};
}

}  // namespace hookswitch
