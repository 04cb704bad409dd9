#include "daemon/simulator/call_log.hpp"

#include <algorithm>

namespace hookswitch::simulator {

CallRecord& CallLog::add(CallRecord record) {
    if (calls_.size() >= most_) {
        // Near the front, because calls settle roughly in the order in which they began.
        const auto oldest =
            std::find_if(calls_.begin(), calls_.end(), [](const auto& call) { return call->settled; });
        if (oldest != calls_.end()) {
            by_id_.erase((*oldest)->id);
            calls_.erase(oldest);
        }
    }
    CallRecord& added = *calls_.emplace_back(std::make_unique<CallRecord>(std::move(record)));
    by_id_.emplace(added.id, &added);
    return added;
}

CallRecord* CallLog::find(std::string_view id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

void CallLog::for_each(const std::function<void(const CallRecord&)>& each) const {
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) each(**call);
}

}  // namespace hookswitch::simulator
