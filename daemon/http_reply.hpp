#pragma once

// The bytes of a response.

#include <chrono>
#include <string>
#include <string_view>

namespace hookswitch {

struct HttpReply {
    int status = 200;
    std::string_view body = "{}";
    bool close = false;            // say so, and the caller closes
    bool say_keep_alive = false;   // if not: HTTP/1.0 has to be told
    bool duplicate = false;        // X-Hookswitch-Duplicate: true
    bool head_only = false;        // answer to HEAD: the length, but not the body
    std::string_view retry_after;  // seconds; empty: no such field
};

/// {"error":{"code":..,"message":..}}; both are our own words and need no escaping.
std::string error_body(std::string_view code, std::string_view message);

/// Writes responses for one thread; keeps the text of the Date field for a second.
class HttpWriter {
public:
    /// Appends the response to `out`. `now` is what Date says.
    void append(std::string& out, const HttpReply& reply, std::chrono::system_clock::time_point now);

private:
    std::string date_;
    std::chrono::sys_seconds second_;
};

}  // namespace hookswitch
