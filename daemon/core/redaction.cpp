#include "daemon/core/redaction.hpp"

#include "daemon/core/event.hpp"
#include "daemon/core/json.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace hookswitch {
namespace {

namespace dom = simdjson::dom;

// Members whose values are the platform's own words, array indices left out. Anything else may hold
// what people said or what tells who they are.
constexpr std::array<std::string_view, 19> kOwnWords{"message.type",
                                                     "message.call.type",
                                                     "message.call.status",
                                                     "message.call.pipeline",
                                                     "message.end_reason",
                                                     "message.endReason",
                                                     "message.messages.role",
                                                     "message.tool_call_list.type",
                                                     "message.tool_call_list.function.name",
                                                     "message.toolCallList.type",
                                                     "message.toolCallList.function.name",
                                                     "message.timestamp",
                                                     "message.started_at",
                                                     "message.startedAt",
                                                     "message.ended_at",
                                                     "message.endedAt",
                                                     "eventType",
                                                     "status",
                                                     "tasksInitiated.taskName"};

// Header fields that say nothing about anybody.
constexpr std::array<std::string_view, 8> kPlainHeaders{
    "content-type", "user-agent",        "accept",          "accept-encoding",
    "connection",   "transfer-encoding", "x-webhook-event", "x-webhook-timestamp"};

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& names) {
    return std::ranges::find(names, text) != names.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string digits_of(std::string_view text) {
    std::string digits;
    std::ranges::copy_if(text, std::back_inserter(digits), is_digit);
    return digits;
}

// As people and machines write telephone numbers: E.164 has up to 15 digits.
bool is_number(std::string_view text) {
    const auto part = [](char c) { return is_digit(c) || std::strchr("+ ()-./", c) != nullptr; };
    if (text.size() > 30 || !std::ranges::all_of(text, [&](char c) { return c != '\0' && part(c); }))
        return false;
    const auto digits = std::ranges::count_if(text, is_digit);
    return digits >= 5 && digits <= 15;
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    return true;
}

// A word out of a fixed set of the platform's, not a sentence and not a number.
bool is_token(std::string_view text) {
    const auto part = [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::strchr("_-.", c);
    };
    return !text.empty() && text.size() <= 64 && !is_number(text) && std::ranges::all_of(text, part);
}

bool is_id_key(std::string_view key) {
    return key == "id" || key.ends_with("_id") || key.ends_with("Id") || key == "callSession";
}

// An endless row of letters and digits out of a seed (splitmix64).
class Noise {
public:
    explicit Noise(std::string_view digest) { std::memcpy(&state_, digest.data(), sizeof state_); }

    unsigned next(unsigned below) {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return static_cast<unsigned>((z ^ (z >> 31)) % below);
    }

private:
    std::uint64_t state_ = 0;
};

}  // namespace

// Where a value stands, and the numbers of the call as digits: they are also replaced where somebody
// wrote them as JSON numbers.
struct Redaction::Place {
    std::string path;
    std::string_view key;
    const std::vector<std::string>& numbers;

    Place member(std::string_view name) const {
        return {path.empty() ? std::string(name) : path + "." + std::string(name), name, numbers};
    }
};

std::string Redaction::digest(std::string_view text) const {
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(out.data()), &size);
    out.resize(size);
    return out;
}

// The same digits in whatever spelling become the same digits. No country has +999, so nobody's
// number can come of it.
std::string Redaction::number(std::string_view text) const {
    Noise noise(digest("n" + digits_of(text)));
    std::string out(text);
    int done = 0;
    for (char& c : out)
        if (is_digit(c)) c = done++ < 3 ? '9' : static_cast<char>('0' + noise.next(10));
    return out;
}

std::string Redaction::uuid(std::string_view text) const {
    Noise noise(digest("u" + std::string(text)));
    std::string out(text);
    for (char& c : out)
        if (c != '-') c = "0123456789abcdef"[noise.next(16)];
    return out;
}

std::string Redaction::id(std::string_view text) const {
    Noise noise(digest("i" + std::string(text)));
    std::string out = "id-";
    for (int i = 0; i < 16; ++i) out += "0123456789abcdef"[noise.next(16)];
    return out;
}

// As long as the original, so that large bodies stay large; nothing else of it shows.
std::string Redaction::words(std::string_view text) const {
    Noise noise(digest("w" + std::string(text)));
    std::string out;
    out.reserve(text.size());
    for (unsigned word = 0; out.size() < text.size(); --word) {
        if (word == 0 && !out.empty() && out.size() + 1 < text.size()) out += ' ';
        if (word == 0) word = 4 + noise.next(6);
        out += static_cast<char>('a' + noise.next(26));
    }
    return out;
}

std::string Redaction::replacement(std::string_view text, std::string_view key) const {
    if (text.empty()) return {};
    if (is_uuid(text)) return uuid(text);
    if (is_id_key(key)) return id(text);
    return is_number(text) ? number(text) : words(text);
}

void Redaction::append_string(std::string& out, std::string_view text, const Place& place) const {
    if ((is_one_of(place.path, kOwnWords) && is_token(text)) || parse_iso_time(text))
        return append_json_string(out, text);
    if (text.starts_with('{') || text.starts_with('[')) {
        if (const auto nested = Document::parse(text)) {  // OpenAI's habit: JSON in a string
            std::string inner;
            append(inner, nested->root(), {"(nested)", {}, place.numbers});
            return append_json_string(out, inner);
        }
    }
    append_json_string(out, replacement(text, place.key));
}

void Redaction::append(std::string& out, dom::element value, const Place& place) const {
    dom::object object;
    dom::array array;
    std::string_view text;
    bool first = true;
    if (!value.get(object)) {
        out += '{';
        for (auto [key, member] : object) {
            if (!std::exchange(first, false)) out += ',';
            append_json_string(out, key);
            out += ':';
            append(out, member, place.member(key));
        }
        out += '}';
    } else if (!value.get(array)) {
        out += '[';
        for (const dom::element item : array) {
            if (!std::exchange(first, false)) out += ',';
            append(out, item, place);
        }
        out += ']';
    } else if (!value.get(text)) {
        append_string(out, text, place);
    } else {
        std::string plain;
        append_json(plain, value);
        const bool known = std::ranges::find(place.numbers, plain) != place.numbers.end();
        out += known ? number(plain) : plain;
    }
}

std::string Redaction::header(std::string_view name, std::string_view value) const {
    if (is_one_of(name, kPlainHeaders)) return std::string(value);
    return "redacted-" + id(value).substr(3);
}

Result<RecordedDelivery> Redaction::redact(RecordedDelivery delivery) const {
    TRY(const auto document, Document::parse(delivery.body));
    std::vector<std::string> numbers;
    if (const auto event = parse_event(delivery.body))
        for (const auto& text : {event->caller, event->called})
            if (text && is_number(*text)) numbers.push_back(digits_of(*text));

    std::string body;
    append(body, document.root(), {"", {}, numbers});
    delivery.body = std::move(body);
    delivery.path.resize(std::min(delivery.path.find('?'), delivery.path.size()));
    std::erase_if(delivery.headers, [](const auto& header) { return header.first == "content-length"; });
    for (auto& [name, value] : delivery.headers) value = header(name, value);
    if (!delivery.reply) return delivery;
    const auto reply = Document::parse(delivery.reply->body);
    std::string said;
    if (reply)
        append(said, reply->root(), {"(reply)", {}, numbers});
    else
        said = words(delivery.reply->body);
    delivery.reply->body = std::move(said);
    return delivery;
}

}  // namespace hookswitch
