#include "daemon/http_reply.hpp"

#include <array>
#include <charconv>
#include <ctime>

namespace hookswitch {
namespace {

std::string_view reason_of(int status) {
    switch (status) {
        case 200: return "200 OK";
        case 202: return "202 Accepted";
        case 400: return "400 Bad Request";
        case 401: return "401 Unauthorized";
        case 403: return "403 Forbidden";
        case 404: return "404 Not Found";
        case 405: return "405 Method Not Allowed";
        case 408: return "408 Request Timeout";
        case 409: return "409 Conflict";
        case 413: return "413 Content Too Large";
        case 421: return "421 Misdirected Request";
        case 431: return "431 Request Header Fields Too Large";
        case 503: return "503 Service Unavailable";
        default: return "500 Internal Server Error";
    }
}

// RFC 9110, 5.6.7. The C locale's names are what the format prescribes.
std::string imf_fixdate(std::chrono::sys_seconds time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 40> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc)};
}

}  // namespace

std::string error_body(std::string_view code, std::string_view message) {
    std::string body = R"({"error":{"code":")";
    body.append(code).append(R"(","message":")").append(message).append(R"("}})");
    return body;
}

void HttpWriter::append(std::string& out, const HttpReply& reply, std::chrono::system_clock::time_point now) {
    if (const auto second = std::chrono::floor<std::chrono::seconds>(now); second != second_) {
        second_ = second;
        date_ = imf_fixdate(second);
    }
    std::array<char, 20> length{};
    const auto end = std::to_chars(length.begin(), length.end(), reply.body.size()).ptr;
    out.append("HTTP/1.1 ").append(reason_of(reply.status)).append("\r\nDate: ").append(date_);
    out.append("\r\nContent-Type: ").append(reply.content_type);
    out.append("\r\nContent-Length: ").append(length.begin(), end);
    if (reply.status == 405) out.append("\r\nAllow: ").append(reply.allow);
    if (reply.challenge) out.append("\r\nWWW-Authenticate: Bearer");
    if (!reply.retry_after.empty()) out.append("\r\nRetry-After: ").append(reply.retry_after);
    if (reply.duplicate) out.append("\r\nX-Hookswitch-Duplicate: true");
    if (reply.close)
        out.append("\r\nConnection: close");
    else if (reply.say_keep_alive)
        out.append("\r\nConnection: keep-alive");
    out.append("\r\n\r\n");
    if (!reply.head_only) out.append(reply.body);
}

}  // namespace hookswitch
