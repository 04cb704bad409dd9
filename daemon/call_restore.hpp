#pragma once

// The calls of before a restart, read back from the journal.

#include "daemon/call_registry.hpp"
#include "daemon/io/journal_backlog.hpp"

namespace hookswitch {

/// Reads what was received before `started`, for at most two seconds and from the newest on, so that
/// what is left out is what was quiet for longest. Of a call that still runs the bodies are read too; of
/// others there is what a row tells.
Result<> restore_calls(CallRegistry& calls, JournalBacklog& backlog, Milliseconds started, Milliseconds now);

}  // namespace hookswitch
