#pragma once

// Reading JSON that a stranger sent us, and writing JSON text.
//
// A Document is checked from the first byte to the last before anything looks inside, because the
// bytes are recorded, framed and forwarded as they came; a body whose tail is broken must be
// refused, not half-read. Errors name the place: line and column for broken JSON, the member path
// for JSON of the wrong shape ("message.toolCallList[2].id: expected string, found number").

#include "daemon/core/result.hpp"

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hookswitch {

/// A parsed JSON text that owns all its values; it can be moved without moving them. Its memory is
/// recycled through a small per-thread pool, so parsing allocates nothing once warm.
class Document {
public:
    /// Errc::malformed_body if `text` is not exactly one JSON value. Copies what it needs.
    /// An integer beyond 64 bits is kept as the nearest double, half a surrogate pair as U+FFFD.
    /// Thread-safe.
    static Result<Document> parse(std::string_view text);

    /// The same for text that is followed by at least simdjson::SIMDJSON_PADDING readable bytes,
    /// whatever they hold: saves the copy.
    static Result<Document> parse_padded(std::string_view text);

    simdjson::dom::element root() const { return doc_->root(); }

private:
    struct Recycle {
        void operator()(simdjson::dom::document* doc) const noexcept;
    };
    Document();
    std::unique_ptr<simdjson::dom::document, Recycle> doc_;
};

/// A value and the path that led to it. Borrows the Document and its parent Json, so it lives on
/// the stack of one reading function and is never stored.
class Json {
public:
    explicit Json(const Document& doc) : value_(doc.root()) {}

    Result<Json> at(std::string_view key) const;                   ///< required object member
    Result<std::optional<Json>> find(std::string_view key) const;  ///< absent or null: nullopt
    Result<std::string_view> string() const;                       ///< borrows the Document
    Result<std::int64_t> integer() const;
    Result<simdjson::dom::object> object() const;

    /// Calls `each(Json)` for every element of an array; stops at the first error.
    template <class F>
    Result<> for_each(F each) const;

    simdjson::dom::element value() const { return value_; }
    std::string path() const;

    /// A member or element of this value, for reading functions that walk an object themselves.
    Json child(std::string_view key, simdjson::dom::element value) const { return {value, this, key, 0}; }

private:
    Json(simdjson::dom::element v, const Json* parent, std::string_view key, std::size_t index)
        : value_(v), parent_(parent), key_(key), index_(index) {}

    Error wrong_type(std::string_view expected) const;

    simdjson::dom::element value_;
    const Json* parent_ = nullptr;
    std::string_view key_;  // empty: an array element, see index_
    std::size_t index_ = 0;
};

template <class F>
Result<> Json::for_each(F each) const {
    simdjson::dom::array array;
    if (value_.get(array)) return wrong_type("array");
    std::size_t index = 0;
    for (simdjson::dom::element item : array)
        if (auto r = each(Json(item, this, {}, index++)); !r) return r.error();
    return {};
}

/// Appends `text` as a JSON string, quotes included. `text` is UTF-8; bytes are passed through.
void append_json_string(std::string& out, std::string_view text);

/// Appends a value as compact JSON text.
void append_json(std::string& out, simdjson::dom::element value);

/// `text` in a JSON string, quotes included.
std::string json_string(std::string_view text);

}  // namespace hookswitch
