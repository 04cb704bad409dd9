#include "daemon/call_entry.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <tuple>

namespace hookswitch {
namespace {

constexpr std::size_t kLongestShared = 64;

// At most 255 bytes, and not in the middle of a character.
std::string_view cut_off(std::string_view text) {
    std::size_t size = std::min<std::size_t>(text.size(), std::numeric_limits<std::uint8_t>::max());
    if (size < text.size())
        while (size > 0 && (text[size] & '\xc0') == '\x80') --size;
    return text.substr(0, size);
}

}  // namespace

SharedTexts::SharedTexts(std::size_t most, std::initializer_list<std::string_view> known) : texts_(most + 1) {
    for (const std::string_view text : known) number_of(text);
}

SharedTexts::~SharedTexts() {
    for (const auto& text : texts_) delete text.load();
}

std::uint16_t SharedTexts::number_of(std::string_view text) {
    if (text.empty() || text.size() > kLongestShared) return kNone;
    std::size_t i = 1;
    const auto is_there = [&] {
        for (; i < texts_.size(); ++i) {
            const std::string* there = texts_[i].load(std::memory_order_acquire);
            if (!there) return false;
            if (*there == text) return true;
        }
        return false;
    };
    if (is_there()) return static_cast<std::uint16_t>(i);
    if (i == texts_.size()) return kNone;
    const std::lock_guard lock(mutex_);
    if (is_there()) return static_cast<std::uint16_t>(i);  // added meanwhile
    if (i == texts_.size()) return kNone;
    texts_[i].store(new std::string(text), std::memory_order_release);
    return static_cast<std::uint16_t>(i);
}

std::string_view SharedTexts::operator[](std::uint16_t number) const {
    const std::string* text = texts_[number].load(std::memory_order_acquire);
    return text ? std::string_view(*text) : std::string_view();
}

void CallEntry::Delete::operator()(CallEntry* entry) const {
    std::destroy_at(entry);
    ::operator delete(entry);
}

CallEntry::Owner CallEntry::make(const Texts& texts) {
    const std::string_view caller = cut_off(texts.caller), called = cut_off(texts.called),
                           called_name = cut_off(texts.called_name);
    const std::size_t size = texts.id.size() + caller.size() + called.size() + called_name.size();
    Owner entry(new (::operator new(sizeof(CallEntry) + size)) CallEntry());
    entry->id_size = static_cast<std::uint16_t>(texts.id.size());
    entry->caller_size = static_cast<std::uint8_t>(caller.size());
    entry->called_size = static_cast<std::uint8_t>(called.size());
    entry->called_name_size = static_cast<std::uint8_t>(called_name.size());
    char* to = reinterpret_cast<char*>(entry.get() + 1);
    for (const std::string_view text : {texts.id, caller, called, called_name})
        to = std::ranges::copy(text, to).out;
    return entry;
}

CallEntry::Owner CallEntry::with(const Texts& texts) const {
    Owner entry = make(texts);
    const auto sizes =
        std::tuple(entry->id_size, entry->caller_size, entry->called_size, entry->called_name_size);
    *entry = *this;
    std::tie(entry->id_size, entry->caller_size, entry->called_size, entry->called_name_size) = sizes;
    return entry;
}

void CallList::push_newest(CallEntry& entry) {
    entry.older = newest_;
    entry.newer = nullptr;
    (newest_ ? newest_->newer : oldest_) = &entry;
    newest_ = &entry;
}

void CallList::push_oldest(CallEntry& entry) {
    entry.newer = oldest_;
    entry.older = nullptr;
    (oldest_ ? oldest_->older : newest_) = &entry;
    oldest_ = &entry;
}

void CallList::remove(CallEntry& entry) {
    (entry.older ? entry.older->newer : oldest_) = entry.newer;
    (entry.newer ? entry.newer->older : newest_) = entry.older;
}

void CallList::replace(CallEntry& entry, CallEntry& by) {
    by.older = entry.older;
    by.newer = entry.newer;
    (by.older ? by.older->newer : oldest_) = &by;
    (by.newer ? by.newer->older : newest_) = &by;
}

}  // namespace hookswitch
