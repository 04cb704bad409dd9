#pragma once

// Bytes as text. Source: RFC 4648, section 4 (with padding, without line breaks).

#include <string>
#include <string_view>

namespace hookswitch {

std::string encode_base64(std::string_view bytes);

}  // namespace hookswitch
