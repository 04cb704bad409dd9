#pragma once

// The rows of platform_operations.hpp, and the words they are written in. Inside of platform_*.cpp.

#include "daemon/core/platform_operations.hpp"

namespace hookswitch::platform_table {

inline constexpr auto no = Presence::no, yes = Presence::yes, alias = Presence::alias,
                      deprecated = Presence::deprecated, unknown = Presence::unknown;

//                                     camel  snake  late
inline constexpr InEras every_era{yes, yes, yes};
inline constexpr InEras camel_only{yes, no, no};
inline constexpr InEras before_late{yes, yes, no};
inline constexpr InEras since_snake{no, yes, yes};
inline constexpr InEras since_late{no, no, yes};

inline constexpr auto text = PlatformField::Type::text, integer = PlatformField::Type::integer,
                      boolean = PlatformField::Type::boolean, texts = PlatformField::Type::texts,
                      json = PlatformField::Type::json, secret = PlatformField::Type::secret,
                      secret_json = PlatformField::Type::secret_json;
inline constexpr bool required = true, optional = false;

inline constexpr auto no_body = PlatformOperation::Body::none, may_body = PlatformOperation::Body::optional,
                      body = PlatformOperation::Body::required;

constexpr PlatformAnswer list_in(std::string_view envelope, std::string_view camel = {},
                                 std::string_view also = {}) {
    return {PlatformAnswer::Shape::list, envelope, camel, also};
}
constexpr PlatformAnswer one_in(std::string_view envelope, std::string_view camel = {},
                                std::string_view also = {}) {
    return {PlatformAnswer::Shape::one, envelope, camel, also};
}
inline constexpr PlatformAnswer bare{PlatformAnswer::Shape::one};
inline constexpr PlatformAnswer done{PlatformAnswer::Shape::done};
inline constexpr PlatformAnswer undocumented{PlatformAnswer::Shape::other};

std::span<const PlatformOperation> voice_operations();      // who speaks and how: assistants, templates, ...
std::span<const PlatformOperation> telephone_operations();  // numbers, trunks, calls, campaigns
std::span<const PlatformOperation> organization_operations();  // keys, domains, the organization, health

}  // namespace hookswitch::platform_table
