#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace hookswitch::test {

/// Decodes padded base64 of a fixture; garbage in, garbage out.
inline std::string from_base64(std::string_view text) {
    std::string out(text.size() / 4 * 3, '\0');
    EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                    reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    out.resize(out.size() - static_cast<std::size_t>(std::count(text.begin(), text.end(), '=')));
    return out;
}

}  // namespace hookswitch::test
