#pragma once

// Recorded deliveries: what a receiver was sent and what it answered, one JSON object a line (the
// outer contract, "Recording format"). Read, written and compared here; finding the lines in a file
// is done elsewhere.

#include "daemon/core/iso_time.hpp"
#include "daemon/core/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch {

struct RecordedReply {
    int status = 0;
    std::string body;
};

struct RecordedDelivery {
    std::optional<Milliseconds> received_at;
    std::string source, path;  // empty: not recorded
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;  // byte for byte
    std::optional<RecordedReply> reply;
};

/// Reads one line of a recording. A line that has no `body` but `message` or `eventType` is itself
/// the body, and nothing else is known of it. Unknown members are ignored. Errc::malformed_body.
Result<RecordedDelivery> parse_delivery(std::string_view line);

/// One line of a recording, without its end. `body` becomes `body_base64` where it is not UTF-8.
std::string delivery_line(const RecordedDelivery& delivery);

/// Path and header fields out of the head of a request as it was received: names in lower case, fields
/// of one name joined with ", ".
void read_request_head(std::string_view head, RecordedDelivery& out);

/// Appends `"key":"text"` to an object, or `"key_base64":"..."` where the bytes are not UTF-8.
void append_text_or_base64(std::string& out, std::string_view key, std::string_view bytes);

/// Where two replies part. Values are JSON text, or status and body, shortened to fit on a line of a
/// terminal.
struct ReplyDifference {
    std::string where;  // "status", "reply", or the path within it: "reply.results[0].result"
    std::string recorded, got;
};

/// The first difference; nullopt if both say the same. Bodies that are JSON are compared as values:
/// spacing, the order of members and the spelling of numbers (1, 1.0) do not matter.
std::optional<ReplyDifference> first_difference(const RecordedReply& recorded, const RecordedReply& got);

/// `text` on one line: a JSON string if it has control characters in it, cut to about `most` bytes.
std::string one_line(std::string_view text, std::size_t most = 160);

}  // namespace hookswitch
