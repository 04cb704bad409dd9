#pragma once

// What is posted to a service for one event: our own form of it, or the request as it came. Does no I/O, but
// signs with the time of day.

#include "daemon/io/http_client.hpp"
#include "handlers/http_upstream.hpp"

#include <chrono>
#include <string_view>

namespace hookswitch {

/// `left` is what is left until the deadline. With settings.raw, invocation.raw is not null.
///
/// Fields of every request: X-Hookswitch-Event-Id, -Attempt and -Deadline-Ms (what is left), traceparent,
/// and X-Webhook-Signature and -Timestamp of now if there is a key.
///
/// Raw, body and fields are as they came, but for those that belong to one connection (RFC 9110, 7.6.1),
/// Accept-Encoding, and the signature if there is a key: that of an event which is tried again after hours
/// would be stale.
HttpClient::Request http_request(const HttpUpstreamSettings& settings, const Invocation& invocation,
                                 std::chrono::milliseconds left);

/// Whether an operator may set a field of this name; not those that are ours or the transport's.
bool may_be_set(std::string_view field);

}  // namespace hookswitch
