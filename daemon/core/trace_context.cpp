#include "daemon/core/trace_context.hpp"

#include "daemon/core/ascii.hpp"
#include "daemon/core/lines.hpp"

#include <openssl/rand.h>

#include <array>
#include <new>
#include <span>

namespace hookswitch {
namespace {

constexpr std::size_t kTraceBegin = 3, kTraceDigits = 32, kParentBegin = 36, kParentDigits = 16;
constexpr std::size_t kSize = 55;  // of version 00; later ones may be longer
constexpr std::size_t kUlid = 26;

constexpr std::string_view kHexDigits = "0123456789abcdef";  // lower case only, says the standard
constexpr std::string_view kBase32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

bool is_hex(std::string_view text) { return text.find_first_not_of(kHexDigits) == std::string_view::npos; }

bool is_id(std::string_view text) {
    return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

void fill_randomly(std::span<unsigned char> bytes) {
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw std::bad_alloc();
}

// The 128 bits of a ULID, whose first character holds only three of them.
std::array<unsigned char, 16> bits_of(std::string_view ulid) {
    std::array<unsigned char, 16> bits{};
    for (const char c : ulid.substr(0, kUlid)) {
        auto carry = static_cast<unsigned>(kBase32.find(c)) & 31u;
        for (std::size_t i = bits.size(); i-- > 0;) {
            const unsigned shifted = bits[i] * 32u + carry;
            bits[i] = static_cast<unsigned char>(shifted & 0xffu);
            carry = shifted >> 8;
        }
    }
    return bits;
}

void append_hex(std::string& out, std::span<const unsigned char> bytes) {
    for (const unsigned char byte : bytes) {
        out += kHexDigits[byte >> 4];
        out += kHexDigits[byte & 15];
    }
}

// Calls `each` with the value of every such field.
template <class Each>
void for_each_field(std::string_view head, std::string_view name, Each each) {
    for_each_line(head, [&](std::string_view line) {
        if (line.size() <= name.size() || line[name.size()] != ':' ||
            !equal_ignoring_case(line.substr(0, name.size()), name))
            return;
        line.remove_prefix(name.size() + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        each(trimmed(line));
    });
}

}  // namespace

// 3.2.2 and 3.3.1: one parent, but its state may come in several fields; without a good parent it is worth
// nothing.
TraceContext trace_in(std::string_view head) {
    TraceContext trace;
    std::size_t parents = 0;
    for_each_field(head, "traceparent", [&](std::string_view value) {
        ++parents;
        trace.parent = value;
    });
    if (parents != 1 || !is_traceparent(trace.parent)) return {};
    for_each_field(head, "tracestate", [&](std::string_view value) {
        trace.state.append(trace.state.empty() || value.empty() ? "" : ",").append(value);
    });
    return trace;
}

bool is_traceparent(std::string_view value) {
    if (value.size() < kSize || value[2] != '-' || value[35] != '-' || value[52] != '-') return false;
    const auto version = value.substr(0, 2);
    if (!is_hex(version) || version == "ff") return false;
    if (value.size() > kSize && (version == "00" || value[kSize] != '-')) return false;
    return is_id(value.substr(kTraceBegin, kTraceDigits)) &&
           is_id(value.substr(kParentBegin, kParentDigits)) && is_hex(value.substr(53, 2));
}

std::string new_traceparent(std::string_view event_id) {
    auto trace = bits_of(event_id);
    if (trace == decltype(trace){}) fill_randomly(trace);  // all zero would be no id
    std::array<unsigned char, kParentDigits / 2> parent{};
    fill_randomly(parent);
    parent[0] |= 1;  // nor would this
    std::string out = "00-";
    append_hex(out, trace);
    out += '-';
    append_hex(out, parent);
    return out + "-01";
}

std::string_view trace_id(std::string_view traceparent) {
    return is_traceparent(traceparent) ? traceparent.substr(kTraceBegin, kTraceDigits) : std::string_view();
}

}  // namespace hookswitch
