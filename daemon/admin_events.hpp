#pragma once

// /v1/events: the journal, as the `events` commands see it. Called on the thread that reads it.

#include "daemon/admin_api.hpp"

namespace hookswitch {

/// GET /v1/events?call=..&type=..&source=..&caller=..&since=..&until=..&state=..&handler=..&limit=..&after=..
AdminReply list_events(const std::filesystem::path& journal, std::string_view query);

/// GET /v1/events/{id}
AdminReply show_event(const std::filesystem::path& journal, std::string_view id);

/// POST /v1/events/{id}/redeliver?handler=..
AdminReply redeliver_event(const std::filesystem::path& journal, std::string_view id, std::string_view query);

}  // namespace hookswitch
