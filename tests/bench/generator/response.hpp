// Just enough of an HTTP response reader for servers that we started ourselves.
#pragma once

#include <string>
#include <string_view>

namespace bench {

struct Response {
    bool ok = false;         // status 200
    bool duplicate = false;  // the receiver took the body for one that it had seen
    bool close = false;
    std::string_view body;  // into the buffer that was read
};

enum class Read { incomplete, complete, unreadable };

/// Reads one response from the start of `bytes`; needs a Content-Length, as every peer here sends.
Read read_response(std::string_view bytes, Response& out);

}  // namespace bench
