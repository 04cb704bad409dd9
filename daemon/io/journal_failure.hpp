#pragma once

// What a failure of the disk means. Inside of the journal.

#include "daemon/core/metrics.hpp"
#include "daemon/core/result.hpp"

namespace hookswitch {

/// True: nothing of the failed transaction counts, and what was committed before is untouched, so trying
/// again is safe. False, for any other failure (a failed fsync above all: the kernel may have dropped
/// what it could not write, and says so only once): what is on disk is no longer known.
bool leaves_no_doubt(const Error& error);

JournalFailure reason_of(const Error& error);

}  // namespace hookswitch
