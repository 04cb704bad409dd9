#pragma once

// What a handler wrote, as an outcome: the answer of the outer contract, section 4, wherever it came from.
// Mistakes in `actions` do not spoil the rest; they are counted, and logged a few a minute.

#include "daemon/core/backoff.hpp"
#include "daemon/core/outcome.hpp"
#include "daemon/core/result.hpp"

#include <string>
#include <string_view>

namespace hookswitch {

struct HandlerMetrics;

/// One for each handler, used by one thread.
class AnswerReader {
public:
    /// `handler` is its name, for the log; `metrics` outlives this.
    AnswerReader(std::string handler, HandlerMetrics& metrics);

    /// The answer to the one event `id`; its own `id` may be left out, since there is no other. Errors:
    /// Errc::handler_failed if it is none or says `error`, Errc::rejected if it says so with `retry` false.
    /// Empty text means nothing to say.
    Result<Outcome> read(std::string_view text, std::string_view id, std::string_view call);

    /// `call` is for the log, as `id` is.
    void report_mistakes(const CallCommands& actions, std::string_view id, std::string_view call);

private:
    std::string handler_;
    HandlerMetrics& metrics_;
    Throttle warnings_;
};

}  // namespace hookswitch
