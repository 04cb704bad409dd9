#pragma once

// Which proxy the environment wants to be used for a URL.
//
// The variables and their finer points are curl's: https_proxy and HTTPS_PROXY, http_proxy in lower
// case only (a CGI program's HTTP_PROXY is the client's Proxy field), all_proxy and ALL_PROXY, no_proxy and
// NO_PROXY; the lower case first, an empty one is none.

#include "daemon/core/result.hpp"
#include "daemon/core/signature.hpp"
#include "daemon/core/url.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

struct HttpProxy {
    Url url;               // http
    Secret authorization;  // for Proxy-Authorization; empty: none
};

/// As std::getenv: null if it is not set.
using Environment = std::function<const char*(const char* name)>;

/// nullopt: none, always so for Unix sockets and loopback addresses. Errc::invalid_config, naming the
/// variable but never its value, for one that is no http:// proxy.
Result<std::optional<HttpProxy>> proxy_for(const Url& url, const Environment& environment);

/// Whether a NO_PROXY list exempts this host: a list, with commas or spaces, of host names (their
/// subdomains too, with or without a dot in front), addresses, networks ("10.0.0.0/8"), "*" for all;
/// each may have ":port".
bool exempted(std::string_view list, std::string_view host, std::string_view port);

}  // namespace hookswitch
