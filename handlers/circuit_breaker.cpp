#include "handlers/circuit_breaker.hpp"

namespace hookswitch {

bool CircuitBreaker::admits(Time now, bool waited_for) const {
    return !open_ || (now >= again_at_ && trials_[waited_for] == 0);
}

std::optional<CircuitBreaker::Pass> CircuitBreaker::admit(Time now, bool waited_for) {
    if (!admits(now, waited_for)) return std::nullopt;
    if (open_) ++trials_[waited_for];
    return Pass{waited_for, open_};
}

void CircuitBreaker::end(Pass pass) {
    if (pass.trial) --trials_[pass.waited_for];
}

// Also of a request that was made before it opened: the service answers.
void CircuitBreaker::succeeded(Pass pass) {
    end(pass);
    failures_ = 0;
    open_ = false;
}

void CircuitBreaker::failed(Pass pass, Time now) {
    end(pass);
    if (settings_.failures == 0) return;
    if (open_ && !pass.trial) return;  // of before it opened; it says nothing new
    if (!open_ && ++failures_ < settings_.failures) return;
    open_ = true;
    again_at_ = now + settings_.pause;
}

void CircuitBreaker::withdrawn(Pass pass) { end(pass); }

}  // namespace hookswitch
