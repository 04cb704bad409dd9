#pragma once

// Recordings that can be given away: telephone numbers, names, texts, ids and whatever else is said in
// a body are replaced, and what makes the event the event that it is stays: keys, types, statuses, tool
// names, times, numbers, booleans. The same text becomes the same replacement everywhere, so calls and
// callers can still be followed; which one it is depends on a key, so that nobody can try out all
// telephone numbers to find one.

#include "daemon/core/recording.hpp"
#include "daemon/core/result.hpp"

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

namespace hookswitch {

class Redaction {
public:
    /// `key`: random bytes, new for each export and forgotten after it.
    explicit Redaction(std::string key) : key_(std::move(key)) {}

    /// Errc::malformed_body if the body is not JSON.
    Result<RecordedDelivery> redact(RecordedDelivery delivery) const;

private:
    struct Place;
    void append(std::string& out, simdjson::dom::element value, const Place& place) const;
    void append_string(std::string& out, std::string_view text, const Place& place) const;
    std::string digest(std::string_view text) const;
    std::string number(std::string_view text) const;
    std::string uuid(std::string_view text) const;
    std::string id(std::string_view text) const;
    std::string words(std::string_view text) const;
    std::string replacement(std::string_view text, std::string_view key) const;
    std::string header(std::string_view name, std::string_view value) const;

    std::string key_;
};

}  // namespace hookswitch
