#include "daemon/core/http_proxy.hpp"

#include "daemon/core/address.hpp"
#include "daemon/core/ascii.hpp"
#include "daemon/core/base64.hpp"
#include "daemon/core/query.hpp"

#include <algorithm>
#include <initializer_list>

namespace hookswitch {
namespace {

constexpr std::string_view kBetween = ", \t\r\n";

// "me%40x:secret" of a proxy's URL as Proxy-Authorization wants it (RFC 7617).
Result<Secret> basic_authorization(std::string_view user_info) {
    const auto colon = std::min(user_info.find(':'), user_info.size());
    TRY(const auto user, percent_decode(user_info.substr(0, colon)));
    TRY(const auto password, percent_decode(user_info.substr(std::min(colon + 1, user_info.size()))));
    const Secret plain(user + ":" + password);
    return Secret("Basic " + encode_base64(plain.reveal()));
}

// The message says nothing of the value, which may hold a password.
Error unusable(std::string_view variable, std::string_view why) {
    return fail(Errc::invalid_config, "the environment's " + std::string(variable) + " " + std::string(why));
}

Result<HttpProxy> parse_proxy(std::string_view variable, std::string_view text) {
    if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
        if (!equal_ignoring_case(text.substr(0, scheme), "http"))
            return unusable(variable,
                            "is not a proxy that is spoken to over http://, which alone is supported");
        text.remove_prefix(scheme + 3);
    }
    HttpProxy proxy;
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        auto authorization = basic_authorization(text.substr(0, at));
        if (!authorization)
            return unusable(variable, "has a user name or password that is not percent-encoded");
        proxy.authorization = *std::move(authorization);
        text.remove_prefix(at + 1);
    }
    auto url = parse_url("http://" + std::string(text));
    if (!url) return unusable(variable, "is not http://[USER:PASSWORD@]HOST[:PORT]");
    proxy.url = *std::move(url);
    return proxy;
}

struct Variable {
    const char* name;
    std::string_view value;
};

// The first of `names` that is set, empty value if none is.
Variable first_of(const Environment& environment, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const char* value = environment(name); value && *value) return {name, value};
    return {"", ""};
}

bool is_within(std::string_view host, std::string_view domain) {
    if (domain.starts_with("*.")) domain.remove_prefix(1);
    if (domain.starts_with('.')) domain.remove_prefix(1);
    if (domain.empty() || host.size() < domain.size()) return false;
    const auto rest = host.size() - domain.size();
    return equal_ignoring_case(host.substr(rest), domain) && (rest == 0 || host[rest - 1] == '.');
}

// Takes ":port" off the end of an entry; false if there is one, but another.
bool fits_port(std::string_view& entry, std::string_view port) {
    const auto colon = entry.rfind(':');
    const bool bracketed = entry.starts_with('[');
    if (colon == std::string_view::npos || (bracketed && entry[colon - 1] != ']')) return true;
    if (!bracketed && entry.find(':') != colon) return true;  // a bare IPv6 address
    const bool same = entry.substr(colon + 1) == port;
    entry = entry.substr(0, colon);
    return same;
}

bool exempts(std::string_view entry, std::string_view host, std::string_view port) {
    if (entry == "*") return true;
    if (!fits_port(entry, port)) return false;
    const auto address = Address::parse(host);
    if (!address) return is_within(host, entry);
    const auto network = Network::parse(entry);
    const auto other = Address::parse(entry);
    return (network && network->contains(*address)) || (other && *other == *address);
}

}  // namespace

bool exempted(std::string_view list, std::string_view host, std::string_view port) {
    if (host.ends_with('.')) host.remove_suffix(1);
    while (!list.empty()) {
        const auto begin = std::min(list.find_first_not_of(kBetween), list.size());
        list.remove_prefix(begin);
        const auto end = std::min(list.find_first_of(kBetween), list.size());
        if (end > 0 && exempts(list.substr(0, end), host, port)) return true;
        list.remove_prefix(end);
    }
    return false;
}

Result<std::optional<HttpProxy>> proxy_for(const Url& url, const Environment& environment) {
    if (url.is_local()) return std::optional<HttpProxy>();
    Variable chosen = url.scheme == Url::Scheme::https ? first_of(environment, {"https_proxy", "HTTPS_PROXY"})
                                                       : first_of(environment, {"http_proxy"});
    if (chosen.value.empty()) chosen = first_of(environment, {"all_proxy", "ALL_PROXY"});
    if (chosen.value.empty()) return std::optional<HttpProxy>();
    if (exempted(first_of(environment, {"no_proxy", "NO_PROXY"}).value, url.host, url.port))
        return std::optional<HttpProxy>();
    TRY(auto proxy, parse_proxy(chosen.name, chosen.value));
    return std::optional(std::move(proxy));
}

}  // namespace hookswitch
