#include "daemon/call_registry.hpp"

#include "daemon/core/search_index.hpp"
#include "daemon/io/log.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

#include <algorithm>
#include <functional>
#include <mutex>
#include <tuple>
#include <utility>

namespace hookswitch {
namespace {

using Realtime = CallEntry::Realtime;

// So many that a byte can number them.
constexpr std::size_t kMostTexts = 255;
constexpr std::size_t kMostSources = 4095;

std::uint64_t hash_of(std::string_view call) { return search_hash(SearchKey::call, call); }

std::string_view provider_of(std::optional<simdjson::dom::element> assistant) {
    std::string_view provider;
    if (!assistant || (*assistant)["llm_config"]["provider"].get(provider)) return {};
    return provider;
}

// Protocol 7.1: xai_realtime, google_realtime, openai_live.
bool is_realtime(std::string_view name) {
    return name.find("realtime") != name.npos || name == "openai_live";
}

std::optional<bool> told_by(Realtime realtime) {
    switch (realtime) {
        case Realtime::by_pipeline:
        case Realtime::by_provider: return true;
        case Realtime::not_by_pipeline:
        case Realtime::not_by_provider: return false;
        case Realtime::unknown: break;
    }
    return std::nullopt;
}

void learn_realtime(CallEntry& entry, const CallEvent& event) {
    if (entry.realtime >= Realtime::not_by_provider) return;
    if (const auto provider = provider_of(event.assistant); !provider.empty())
        entry.realtime = is_realtime(provider) ? Realtime::by_provider : Realtime::not_by_provider;
    else if (entry.realtime == Realtime::unknown && !event.pipeline.empty())
        entry.realtime = is_realtime(event.pipeline) ? Realtime::by_pipeline : Realtime::not_by_pipeline;
}

bool starts_later(const CallSnapshot& a, const CallSnapshot& b) {
    return std::tie(a.started_at, a.id) > std::tie(b.started_at, b.id);
}

}  // namespace

struct CallRegistry::Key {
    std::string_view call;
    std::uint64_t hash;
};

struct CallRegistry::Stripe {
    struct Hash {
        using is_transparent = void;
        using is_avalanching = void;
        std::size_t operator()(const Key& key) const { return key.hash; }
        std::size_t operator()(const CallEntry::Owner& entry) const { return hash_of(entry->id()); }
    };
    struct Equal {
        using is_transparent = void;
        static std::string_view id(const Key& key) { return key.call; }
        static std::string_view id(const CallEntry::Owner& entry) { return entry->id(); }
        bool operator()(const auto& a, const auto& b) const { return id(a) == id(b); }
    };

    CallEntry* find(const Key& key) const {
        const auto it = calls.find(key);
        return it == calls.end() ? nullptr : it->get();
    }
    CallList& list_of(const CallEntry& entry) { return entry.live() ? live : ended; }

    mutable std::mutex mutex;
    boost::unordered_flat_set<CallEntry::Owner, Hash, Equal> calls;
    CallList live;   // by their last event
    CallList ended;  // by their end
};

CallEvent call_event(const Event& event, std::string_view source, Milliseconds at) {
    CallEvent of;
    of.call = event.call_id;
    of.type = event.type;
    of.status = event.status.value_or("");
    of.source = source;
    of.direction = event.direction.value_or("");
    of.caller = event.caller.value_or("");
    of.called = event.called.value_or("");
    of.called_name = event.called_name.value_or("");
    of.pipeline = event.pipeline.value_or("");
    of.assistant = event.assistant;
    of.tool_calls = static_cast<std::uint32_t>(event.tool_calls.size());
    of.at = at;
    return of;
}

CallRegistry::CallRegistry(CallMetrics& metrics, const CallLimits& limits)
    : metrics_(metrics),
      limits_(limits),
      types_(kMostTexts, {"status-update", "tool-calls", "assistant-request", "end-of-call-report"}),
      statuses_(kMostTexts, {"in-progress", "ended", "ringing", "ended-with-error"}),
      directions_(kMostTexts, {"inbound", "outbound", "web"}),
      pipelines_(kMostTexts),
      sources_(kMostSources) {
    for (std::size_t i = 0; i < limits.stripes; ++i) stripes_.push_back(std::make_unique<Stripe>());
}

CallRegistry::~CallRegistry() = default;

// The hash's top bits find a place in a stripe, and its last bits tell places apart.
CallRegistry::Stripe& CallRegistry::stripe_of(const Key& key) const {
    return *stripes_[(key.hash >> 16) % stripes_.size()];
}

CallProgress CallRegistry::follow(const CallEvent& event) {
    if (event.call.empty() || event.call.size() > CallEntry::kLongestId) return {};
    const Key key{event.call, hash_of(event.call)};
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    expire(stripe, event.at, 2);  // as many as keep it from growing
    CallEntry* const known = stripe.find(key);
    if (!known) make_room(stripe);
    CallEntry& entry = known ? learn(stripe, *known, event) : add(stripe, event, Order::newer);
    const CallState before = entry.state;
    const CallProgress progress = advance(before, event.type, event.status);
    move(stripe, entry, progress.state, Order::newer);
    take_status(entry, event.status,
                before < CallState::ended && progress.effect != CallProgress::Effect::late);
    if (before < CallState::ended && !entry.live()) entry.ended_at = event.at;
    if (entry.live()) stripe.live.make_newest(entry);
    entry.last_type = static_cast<std::uint8_t>(types_.number_of(event.type));
    entry.updated_at = std::max(entry.updated_at, event.at);
    take(entry, event);
    return progress;
}

void CallRegistry::restore(const CallEvent& event) {
    if (event.call.empty() || event.call.size() > CallEntry::kLongestId) return;
    const Key key{event.call, hash_of(event.call)};
    Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    CallEntry* const known = stripe.find(key);
    if (!known && size() >= limits_.most) return;
    CallEntry& entry = known ? learn(stripe, *known, event) : add(stripe, event, Order::older);
    const CallState before = entry.state;
    move(stripe, entry, advance(before, event.type, event.status).state, Order::older);
    const bool ends_it = before < CallState::ended && !entry.live();
    take_status(entry, event.status, entry.status == SharedTexts::kNone || ends_it);
    const bool tells_end = advance({}, event.type, event.status).state >= CallState::ended;
    if (tells_end) entry.ended_at = before < CallState::ended ? event.at : std::min(entry.ended_at, event.at);
    if (!known) entry.last_type = static_cast<std::uint8_t>(types_.number_of(event.type));
    entry.started_at = std::min(entry.started_at, event.at);
    take(entry, event);
}

// Its place in the order is the caller's to say where it is not the newest.
CallEntry& CallRegistry::add(Stripe& stripe, const CallEvent& event, Order order) {
    CallEntry& entry =
        **stripe.calls.insert(CallEntry::make({event.call, event.caller, event.called, event.called_name}))
              .first;
    entry.started_at = entry.updated_at = event.at;
    entry.source = sources_.number_of(event.source);
    order == Order::newer ? stripe.live.push_newest(entry) : stripe.live.push_oldest(entry);
    count(entry.state).add(1);
    size_.fetch_add(1, std::memory_order_relaxed);
    return entry;
}

void CallRegistry::move(Stripe& stripe, CallEntry& entry, CallState to, Order order) {
    if (entry.state == to) return;
    count(entry.state).add(-1);
    count(to).add(1);
    const bool was_live = entry.live();
    entry.state = to;
    if (was_live == entry.live()) return;
    stripe.live.remove(entry);
    order == Order::newer ? stripe.ended.push_newest(entry) : stripe.ended.push_oldest(entry);
}

// What has come to an end in a way of its own ("transferred") has not just "ended", whatever comes after.
void CallRegistry::take_status(CallEntry& entry, std::string_view status, bool newer) {
    if (status.empty()) return;
    const bool says_more =
        status != "ended" && call_state_of(status) == CallState::ended && statuses_[entry.status] == "ended";
    if (newer || says_more) entry.status = static_cast<std::uint8_t>(statuses_.number_of(status));
}

void CallRegistry::take(CallEntry& entry, const CallEvent& event) {
    entry.tool_calls += event.tool_calls;
    if (entry.direction == SharedTexts::kNone)
        entry.direction = static_cast<std::uint8_t>(directions_.number_of(event.direction));
    if (entry.pipeline == SharedTexts::kNone)
        entry.pipeline = static_cast<std::uint8_t>(pipelines_.number_of(event.pipeline));
    learn_realtime(entry, event);
}

// Numbers and names that were not known. The entry may be another one then.
CallEntry& CallRegistry::learn(Stripe& stripe, CallEntry& entry, const CallEvent& event) {
    const auto missing = [](std::string_view known, std::string_view told) {
        return known.empty() && !told.empty();
    };
    if (!missing(entry.caller(), event.caller) && !missing(entry.called(), event.called) &&
        !missing(entry.called_name(), event.called_name))
        return entry;
    const auto either = [](std::string_view known, std::string_view told) {
        return known.empty() ? told : known;
    };
    CallEntry::Owner larger =
        entry.with({entry.id(), either(entry.caller(), event.caller), either(entry.called(), event.called),
                    either(entry.called_name(), event.called_name)});
    stripe.list_of(entry).replace(entry, *larger);
    stripe.calls.erase(stripe.calls.find(Key{event.call, hash_of(event.call)}));
    return **stripe.calls.insert(std::move(larger)).first;
}

void CallRegistry::make_room(Stripe& stripe) {
    if (size() < limits_.most) return;
    if (CallEntry* ended = stripe.ended.oldest()) return forget(stripe, *ended);
    CallEntry* quiet = stripe.live.oldest();
    if (!quiet) return;  // others have it all; so there is one more
    metrics_.forgotten_full.add();
    forget(stripe, *quiet);
}

void CallRegistry::expire(Milliseconds now) {
    for (const auto& stripe : stripes_) {
        const std::lock_guard lock(stripe->mutex);
        expire(*stripe, now, stripe->calls.size());
    }
}

void CallRegistry::expire(Stripe& stripe, Milliseconds now, std::size_t most) {
    for (; most > 0; --most) {
        CallEntry* const ended = stripe.ended.oldest();
        if (!ended || ended->ended_at + limits_.keep_ended > now) break;
        count_if_unreported(*ended, ended->ended_at + limits_.keep_ended);
        forget(stripe, *ended);
    }
    for (; most > 0; --most) {
        CallEntry* const silent = stripe.live.oldest();
        if (!silent || silent->updated_at + limits_.longest_silence > now) break;
        metrics_.forgotten_silent.add();
        forget(stripe, *silent);
    }
}

void CallRegistry::count_if_unreported(const CallEntry& entry, Milliseconds due) {
    const bool missing = entry.state == CallState::ended && brings_report(statuses_[entry.status]);
    if (!missing || due <= limits_.since) return;
    metrics_.without_report.add();
    log::warn("call.report_missing", log::kv("call", entry.id()));
}

void CallRegistry::forget(Stripe& stripe, CallEntry& entry) {
    stripe.list_of(entry).remove(entry);
    count(entry.state).add(-1);
    stripe.calls.erase(stripe.calls.find(Key{entry.id(), hash_of(entry.id())}));
    size_.fetch_sub(1, std::memory_order_relaxed);
}

bool CallRegistry::wants_whole(std::string_view call) const {
    if (call.empty()) return false;
    const Key key{call, hash_of(call)};
    const Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    const CallEntry* entry = stripe.find(key);
    return !entry || entry->live() || entry->direction == SharedTexts::kNone;
}

std::optional<CallSnapshot> CallRegistry::find(std::string_view call) const {
    const Key key{call, hash_of(call)};
    const Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    const CallEntry* entry = stripe.find(key);
    if (!entry) return std::nullopt;
    return snapshot(*entry);
}

std::optional<bool> CallRegistry::realtime(std::string_view call) const {
    const Key key{call, hash_of(call)};
    const Stripe& stripe = stripe_of(key);
    const std::lock_guard lock(stripe.mutex);
    const CallEntry* entry = stripe.find(key);
    return entry ? told_by(entry->realtime) : std::nullopt;
}

std::vector<CallSnapshot> CallRegistry::list(const CallFilter& filter) const {
    std::vector<CallSnapshot> found;  // a heap once it is full: the one that started first is in front
    for (const auto& stripe : stripes_) {
        const std::lock_guard lock(stripe->mutex);
        for (const auto& entry : stripe->calls) {
            if (!matches(*entry, filter)) continue;
            if (found.size() == filter.limit) {
                if (entry->started_at <= found.front().started_at) continue;
                std::ranges::pop_heap(found, starts_later);
                found.pop_back();
            }
            found.push_back(snapshot(*entry));
            std::ranges::push_heap(found, starts_later);
        }
    }
    std::ranges::sort(found, starts_later);
    return found;
}

bool CallRegistry::matches(const CallEntry& entry, const CallFilter& filter) const {
    const auto is = [](const std::optional<std::string>& wanted, std::string_view text) {
        return !wanted || *wanted == text;
    };
    return (entry.live() || !filter.live_only) && is(filter.status, statuses_[entry.status]) &&
           is(filter.direction, directions_[entry.direction]) && is(filter.caller, entry.caller()) &&
           is(filter.called, entry.called());
}

CallSnapshot CallRegistry::snapshot(const CallEntry& entry) const {
    CallSnapshot of;
    of.id = entry.id();
    of.status = statuses_[entry.status];
    of.direction = directions_[entry.direction];
    of.caller = entry.caller();
    of.called = entry.called();
    of.called_name = entry.called_name();
    of.source = sources_[entry.source];
    of.pipeline = pipelines_[entry.pipeline];
    of.last_type = types_[entry.last_type];
    of.state = entry.state;
    of.realtime = told_by(entry.realtime);
    of.tool_calls = entry.tool_calls;
    of.started_at = entry.started_at;
    of.updated_at = entry.updated_at;
    if (!entry.live()) of.ended_at = entry.ended_at;
    return of;
}

}  // namespace hookswitch
