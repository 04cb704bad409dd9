#include "daemon/admin_door.hpp"

#include "daemon/core/ascii.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

namespace hookswitch {
namespace {

// Constant time in the content, though not in the length.
bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool has_token(std::string_view authorization, std::string_view token) {
    constexpr std::string_view kScheme = "Bearer ";
    if (!equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return false;
    authorization.remove_prefix(kScheme.size());
    authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
    return same(authorization, token);
}

// A browser on this machine can be made to come here by a name that an attacker's DNS says is 127.0.0.1,
// and the attacker's page then reads what is answered. The browser says that name in Host, so only
// names that nobody else's DNS decides are let in. Nothing but a browser is fooled like that: whoever
// sends no Host at all is none. A Unix socket is out of a browser's reach.
bool is_name_of_this_machine(std::string_view host) {
    constexpr std::array<std::string_view, 3> kNames{"localhost", "127.0.0.1", "[::1]"};
    const auto port = host.find(':', host.starts_with('[') ? std::min(host.find(']'), host.size()) : 0);
    host = host.substr(0, port);
    return std::ranges::any_of(kNames,
                               [&](std::string_view name) { return equal_ignoring_case(name, host); });
}

// A page of any origin can make a browser send a POST here, though not read the answer. It then says where
// it comes from.
bool is_foreign(std::string_view origin, std::string_view host) {
    if (origin.empty()) return false;
    const auto scheme = origin.find("://");
    return scheme == origin.npos || !equal_ignoring_case(origin.substr(scheme + 3), host);
}

}  // namespace

AdminRefusal refusal_of(const AdminSettings& settings, const AdminRequest& request, bool open_path) {
    const std::string_view token = settings.token.reveal();
    if (!token.empty())
        return open_path || has_token(request.authorization, token) ? AdminRefusal::none
                                                                    : AdminRefusal::unauthorized;
    const bool unix_socket = settings.listen.starts_with("unix:");
    if (!unix_socket && !request.host.empty() && !is_name_of_this_machine(request.host))
        return AdminRefusal::wrong_host;
    if (is_foreign(request.origin, request.host)) return AdminRefusal::foreign_origin;
    return AdminRefusal::none;
}

}  // namespace hookswitch
