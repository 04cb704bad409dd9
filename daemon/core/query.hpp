#pragma once

// Text in a URL: the part behind "?", and the segments of a path.

#include "daemon/core/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch {

/// "%2B31" is "+31". A plus sign stays one: it begins telephone numbers, and there are no forms here.
/// Errc::bad_request for an escape that is none, and for what is not UTF-8 or has control characters.
Result<std::string> percent_decode(std::string_view text);

/// Every byte but A-Z a-z 0-9 - _ . ~ as "%2B".
std::string percent_encode(std::string_view text);

/// `parameter` percent-encoded for one segment of a path. Errc::bad_request for "", "." and "..", which
/// would lead to another resource (protocol section 4).
Result<std::string> path_segment(std::string_view parameter);

/// The parameters, in order. Errc::bad_request.
Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

}  // namespace hookswitch
