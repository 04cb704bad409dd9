// Writing recordings; recording.cpp reads them.

#include "daemon/core/ascii.hpp"
#include "daemon/core/base64.hpp"
#include "daemon/core/json.hpp"
#include "daemon/core/recording.hpp"

#include <algorithm>

namespace hookswitch {
namespace {

bool is_utf8(std::string_view bytes) { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

// Header fields are bytes; those that are not UTF-8 are Latin-1, as HTTP/1.0 had it.
std::string as_utf8(std::string_view bytes) {
    if (is_utf8(bytes)) return std::string(bytes);
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xC0 | byte >> 6);
            text += static_cast<char>(0x80 | (byte & 0x3F));
        }
    }
    return text;
}

std::string_view take_line(std::string_view& text) {
    const auto end = text.find("\r\n");
    const auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 2);
    return line;
}

void add_header(RecordedDelivery& out, std::string name, std::string value) {
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const auto known = std::ranges::find(out.headers, name, [](const auto& header) { return header.first; });
    if (known == out.headers.end())
        out.headers.emplace_back(std::move(name), std::move(value));
    else
        known->second.append(", ").append(value);
}

void append_headers(std::string& out, const RecordedDelivery& delivery) {
    out += '{';
    bool first = true;
    for (const auto& [name, value] : delivery.headers) {
        if (!std::exchange(first, false)) out += ',';
        append_json_string(out, name);
        out += ':';
        append_json_string(out, value);
    }
    out += '}';
}

}  // namespace

void append_text_or_base64(std::string& out, std::string_view key, std::string_view bytes) {
    out += '"';
    out += key;
    if (is_utf8(bytes)) {
        out += "\":";
        append_json_string(out, bytes);
    } else {
        out += "_base64\":\"";
        out += encode_base64(bytes);
        out += '"';
    }
}

void read_request_head(std::string_view head, RecordedDelivery& out) {
    std::string_view target = take_line(head);
    target.remove_prefix(std::min(target.find(' ') + 1, target.size()));  // after the method
    target = target.substr(0, target.find(' '));
    out.path = as_utf8(target);
    while (!head.empty()) {
        const std::string_view line = take_line(head);
        const auto colon = line.find(':');
        if (colon == line.npos) continue;
        add_header(out, std::string(line.substr(0, colon)), as_utf8(trimmed(line.substr(colon + 1))));
    }
}

std::string delivery_line(const RecordedDelivery& delivery) {
    std::string out = "{";
    if (delivery.received_at) out += "\"received_at\":\"" + iso_time(*delivery.received_at) + "\",";
    if (!delivery.source.empty()) out += "\"source\":" + json_string(delivery.source) + ",";
    if (!delivery.path.empty()) out += "\"path\":" + json_string(delivery.path) + ",";
    out += "\"headers\":";
    append_headers(out, delivery);
    out += ',';
    append_text_or_base64(out, "body", delivery.body);
    if (delivery.reply) {
        out += ",\"reply\":{\"status\":" + std::to_string(delivery.reply->status) + ',';
        append_text_or_base64(out, "body", delivery.reply->body);
        out += '}';
    }
    return out + '}';
}

}  // namespace hookswitch
