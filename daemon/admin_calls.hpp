#pragma once

// /v1/calls: the calls that are known of, and commands for them. What is asked and how it is answered;
// the waiting is AdminApi's.

#include "daemon/admin_api.hpp"
#include "daemon/core/platform_error.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace hookswitch {

/// status=..&direction=..&caller=..&called=..&limit=1..1000&live=true|false, each once; live=false: those
/// that have ended too. Errc::bad_request.
Result<CallFilter> read_call_filter(std::string_view query);

/// {"id","status","state","direction","caller","called","called_name","started_at","updated_at","ended_at",
/// "tool_calls","last_event":{"type","at"},"pending_actions","source","pipeline","realtime"}; null where
/// unknown.
void append_call_json(std::string& out, const CallSnapshot& call, std::size_t pending_actions);

/// What an operator's command came to. Of the platform's refusals 400, 404, 409 and 429 keep their status,
/// others are 502; 504: it was not sent in time.
AdminReply control_reply(const PlatformResult<std::string>& result);

}  // namespace hookswitch
