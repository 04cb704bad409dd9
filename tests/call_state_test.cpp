#include "daemon/core/call_state.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

using enum CallState;
using enum CallProgress::Effect;

TEST(CallState, OnlyMovesForward) {
    const struct {
        CallState before;
        const char *type, *status;
        CallState after;
        CallProgress::Effect effect;
    } cases[] = {
        {unknown, "assistant-request", "ringing", ringing, moved},
        {unknown, "assistant-request", "", ringing, moved},
        {ringing, "status-update", "in-progress", in_progress, moved},
        {in_progress, "tool-calls", "in-progress", in_progress, none},
        {unknown, "tool-calls", "", in_progress, moved},
        {in_progress, "status-update", "in-progress", in_progress, repeated},
        {in_progress, "status-update", "ended", ended, moved},
        {unknown, "status-update", "ended-with-error", ended, moved},
        {ended, "status-update", "ended-with-error", ended, repeated},
        {ended, "status-update", "in-progress", ended, late},
        {ended, "tool-calls", "in-progress", ended, late},
        {in_progress, "assistant-request", "ringing", in_progress, late},
        {ended, "end-of-call-report", "ended", reported, moved},
        {in_progress, "end-of-call-report", "ended", reported, moved},
        {reported, "end-of-call-report", "ended", reported, repeated},
        {reported, "status-update", "ended", reported, late},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(name_of(c.before)) + " " + c.type + " " + c.status);
        const auto progress = advance(c.before, c.type, c.status);
        EXPECT_EQ(progress.state, c.after);
        EXPECT_EQ(progress.effect, c.effect);
    }
}

TEST(CallState, TakesEveryKnownStatusForWhatItIs) {
    for (const char* status : {"dialing", "connecting", "ringing"})
        EXPECT_EQ(advance(unknown, "status-update", status).state, ringing) << status;
    for (const char* status : {"ended", "ended-with-error", "ended-with-debugging", "failed", "transferred",
                               "rejected", "insufficient-credits"})
        EXPECT_EQ(advance(in_progress, "status-update", status).state, ended) << status;
    EXPECT_EQ(advance(ringing, "status-update", "dialing").effect, none);  // it rings in several ways
}

TEST(CallState, IsNotMovedByWhatItDoesNotKnow) {
    for (const CallState state : {unknown, ringing, in_progress, ended, reported}) {
        for (const char* status : {"on-hold", "", "ENDED", "in_progress"}) {
            const auto progress = advance(state, "status-update", status);
            EXPECT_EQ(progress.state, state) << status;
            EXPECT_EQ(progress.effect, none) << status;
        }
        EXPECT_EQ(advance(state, "call-quality", "ended").state, state);
        EXPECT_EQ(advance(state, "call-quality", "ended").effect, none);
    }
}

}  // namespace
}  // namespace hookswitch
