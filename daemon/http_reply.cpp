#include "daemon/http_reply.hpp"

#include "daemon/core/iso_time.hpp"

#include <array>
#include <charconv>

namespace hookswitch {
namespace {

std::string_view reason_of(int status) {
    switch (status) {
        case 200: return "200 OK";
        case 400: return "400 Bad Request";
        case 401: return "401 Unauthorized";
        case 404: return "404 Not Found";
        case 405: return "405 Method Not Allowed";
        case 408: return "408 Request Timeout";
        case 413: return "413 Content Too Large";
        case 431: return "431 Request Header Fields Too Large";
        case 503: return "503 Service Unavailable";
        default: return "500 Internal Server Error";
    }
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
        date_ = http_date(second);
    }
    std::array<char, 20> length{};
    const auto end = std::to_chars(length.begin(), length.end(), reply.body.size()).ptr;
    out.append("HTTP/1.1 ").append(reason_of(reply.status)).append("\r\nDate: ").append(date_);
    out.append("\r\nContent-Type: application/json");
    out.append("\r\nContent-Length: ").append(length.begin(), end);
    if (reply.status == 405) out.append("\r\nAllow: POST");
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
