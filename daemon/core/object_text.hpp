#pragma once

// Writing JSON objects as text. Names and texts are UTF-8; what is given as JSON is taken as it is.

#include "daemon/core/iso_time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// Writes an object, member by member.
class ObjectText {
public:
    ObjectText& json(std::string_view name, std::string_view value);  // `value` is JSON
    ObjectText& text(std::string_view name, std::string_view value);
    ObjectText& text_or_null(std::string_view name, std::optional<std::string_view> value);
    ObjectText& text_if(std::string_view name, std::optional<std::string_view> value);  // or nothing
    ObjectText& number(std::string_view name, std::int64_t value);
    ObjectText& flag(std::string_view name, bool value);
    ObjectText& time(std::string_view name, std::optional<Milliseconds> value);  // or null
    ObjectText& members(std::string_view members);  // "\"a\":1,\"b\":2"; empty: none
    std::string finish();

private:
    void begin(std::string_view name);
    std::string text_ = "{";
};

/// ["a","b"]
std::string json_strings(const std::vector<std::string>& values);

}  // namespace hookswitch
