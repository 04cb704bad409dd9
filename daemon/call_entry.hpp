#pragma once

// One call of the registry, kept small because there may be a million of them: a head of fixed size with
// its texts behind it in the same piece of memory. Inside of the registry.

#include "daemon/core/call_state.hpp"
#include "daemon/core/iso_time.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

/// Texts of which there are few, though nobody says which: each is stored once and has a number. Any
/// thread; reading needs no lock. A text that is long, or one too many, has no number.
class SharedTexts {
public:
    static constexpr std::uint16_t kNone = 0;  // the number of ""

    explicit SharedTexts(std::size_t most, std::initializer_list<std::string_view> known = {});
    ~SharedTexts();

    std::uint16_t number_of(std::string_view text);
    std::string_view operator[](std::uint16_t number) const;

private:
    std::vector<std::atomic<const std::string*>> texts_;  // the first, kNone, stays null
    std::mutex mutex_;                                    // of adding
};

struct CallEntry {
    /// A longer id is none of the platform's.
    static constexpr std::size_t kLongestId = 512;

    /// Empty: not known.
    struct Texts {
        std::string_view id, caller, called, called_name;
    };

    /// Whether it is a speech-to-speech model. What the assistant's provider says is worth more.
    enum class Realtime : std::uint8_t {
        unknown,
        not_by_pipeline,
        by_pipeline,
        not_by_provider,
        by_provider
    };

    struct Delete {
        void operator()(CallEntry* entry) const;
    };
    using Owner = std::unique_ptr<CallEntry, Delete>;

    /// Texts other than the id are cut off after 255 bytes.
    static Owner make(const Texts& texts);
    /// The same with other texts.
    Owner with(const Texts& texts) const;

    std::string_view id() const { return {text(), id_size}; }
    std::string_view caller() const { return {text() + id_size, caller_size}; }
    std::string_view called() const { return {text() + id_size + caller_size, called_size}; }
    std::string_view called_name() const {
        return {text() + id_size + caller_size + called_size, called_name_size};
    }
    const char* text() const { return reinterpret_cast<const char*>(this + 1); }
    bool live() const { return state < CallState::ended; }

    CallEntry *older = nullptr, *newer = nullptr;   // its neighbours in a CallList
    Milliseconds started_at, updated_at, ended_at;  // the last means nothing while it is live
    std::uint32_t tool_calls = 0;
    std::uint16_t source = SharedTexts::kNone, id_size = 0;
    std::uint8_t caller_size = 0, called_size = 0, called_name_size = 0;
    std::uint8_t status = SharedTexts::kNone, direction = SharedTexts::kNone;
    std::uint8_t pipeline = SharedTexts::kNone, last_type = SharedTexts::kNone;
    Realtime realtime = Realtime::unknown;
    CallState state = CallState::unknown;
};
static_assert(sizeof(CallEntry) == 64);

/// Calls in order, the oldest first; the links are in the entries.
class CallList {
public:
    CallEntry* oldest() const { return oldest_; }
    void push_newest(CallEntry& entry);
    void push_oldest(CallEntry& entry);
    void remove(CallEntry& entry);
    void replace(CallEntry& entry, CallEntry& by);
    void make_newest(CallEntry& entry) {
        if (newest_ == &entry) return;
        remove(entry);
        push_newest(entry);
    }

private:
    CallEntry *oldest_ = nullptr, *newest_ = nullptr;
};

}  // namespace hookswitch
