#include "daemon/core/platform_error.hpp"

#include "daemon/core/ascii.hpp"
#include "daemon/core/iso_time.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/object_text.hpp"
#include "daemon/core/recording.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kMostForPeople = 500;  // bytes of what the platform wrote, in what()

// Empty if `key` is not there, or not a string.
std::string text_of(dom::object object, std::string_view key) {
    std::string_view text;
    if (object.at_key(key).get(text)) return {};
    return std::string(text);
}

// A string as it is, any other value as JSON.
std::string text_of(dom::element value) {
    std::string_view text;
    if (!value.get(text)) return std::string(text);
    std::string json;
    append_json(json, value);
    return json;
}

// Gathers what no other member of PlatformError holds, as one JSON object.
class Extra {
public:
    void add(std::string_view key, dom::element value) {
        if (std::ranges::find(keys_, key) != keys_.end()) return;
        keys_.emplace_back(key);
        std::string json;
        append_json(json, value);
        object_.json(key, json);
    }
    std::string take() && { return keys_.empty() ? std::string() : object_.finish(); }

private:
    std::vector<std::string> keys_;
    ObjectText object_;
};

bool take_details(dom::element value, std::vector<std::string>& out) {
    dom::array array;
    if (!value.get(array)) {
        for (const dom::element item : array) out.push_back(text_of(item));
        return true;
    }
    if (!value.is_string()) return false;
    out.push_back(text_of(value));
    return true;
}

bool take_code(dom::element value, std::string& out) {
    if (value.is_object() || value.is_array()) return false;
    if (!value.is_null()) out = text_of(value);
    return true;
}

// `error` as an object: variants A and B. Returns its message.
std::string read_error_object(dom::object error, PlatformError& out, Extra& extra) {
    for (auto [key, value] : error) {
        if (key == "message" && value.is_string()) continue;
        if (key == "code" && take_code(value, out.code)) continue;
        if (key == "details" && take_details(value, out.details)) continue;
        extra.add(key, value);
    }
    return text_of(error, "message");
}

// The order of extraction is that of protocol 6.2: `error` if it is a string, `error.message`, `message`.
std::string read_body(dom::object body, PlatformError& out) {
    Extra extra;
    dom::object error;
    const bool nested = !body.at_key("error").get(error);
    const std::string first = nested ? read_error_object(error, out, extra) : text_of(body, "error");
    const std::string second = text_of(body, "message");
    for (auto [key, value] : body) {
        if (key == "error" && (nested || value.is_string() || value.is_null())) continue;
        if (key == "message" && (value.is_string() || value.is_null())) continue;
        if (key == "details" && take_details(value, out.details)) continue;
        extra.add(key, value);
    }
    out.extra = std::move(extra).take();
    if (first.empty() || nested) return first.empty() ? second : first;
    return second.empty() || second == first ? first : first + ": " + second;
}

// "balance 0, retry_after 30"
std::string listed(std::string_view json_object) {
    const auto document = Document::parse(json_object);
    dom::object object;
    if (!document || document->root().get(object)) return {};
    std::string all;
    for (auto [key, value] : object)
        all.append(all.empty() ? "" : ", ").append(key).append(" ").append(text_of(value));
    return all;
}

}  // namespace

std::string PlatformError::what() const {
    std::string text = status ? "HTTP " + std::to_string(status) + ": " : "";
    text += message;
    for (std::size_t i = 0; i < details.size(); ++i) text += (i == 0 ? ": " : "; ") + details[i];
    std::string more = code.empty() ? "" : "code " + code;
    if (const auto rest = listed(extra); !rest.empty()) more += (more.empty() ? "" : ", ") + rest;
    if (!more.empty()) text += " (" + more + ")";
    if (maybe_done) text += "; it may have been done all the same";
    return one_line(text, kMostForPeople);
}

PlatformError never_sent(std::string why) {
    PlatformError error;
    error.message = std::move(why);
    error.expired = true;
    return error;
}

PlatformError read_platform_error(int status, std::string_view reason, std::string_view body) {
    PlatformError error;
    error.status = status;
    const auto document = Document::parse(body);
    dom::object object;
    if (document && !document->root().get(object)) error.message = read_body(object, error);
    if (error.message.empty()) error.message = reason;
    if (error.message.empty()) error.message = "the platform gave no reason";
    return error;
}

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text,
                                                           std::chrono::system_clock::time_point now) {
    using namespace std::chrono;
    constexpr double kMost = 1e9;  // seconds; no wait is that long, and more would not fit
    text = trimmed(text);
    const auto number = parse_number<double>(text);
    if (number && std::isfinite(*number))
        return duration_cast<milliseconds>(duration<double>(std::clamp(*number, 0.0, kMost)));
    if (const auto date = parse_http_date(std::string(text)))
        return std::max(milliseconds(0), ceil<milliseconds>(*date - now));
    return std::nullopt;
}

void throw_exception_from_error(const PlatformError& error, const boost::source_location&) {
    throw std::runtime_error(error.what());
}

}  // namespace hookswitch
