#include "daemon/core/address.hpp"

#include "daemon/core/ascii.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace hookswitch {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_v4(const Address& a) { return std::equal(kMapped.begin(), kMapped.end(), a.bytes.begin()); }

// inet_pton wants a C string: copied, and refused when a NUL in it would hide a tail.
bool to_bytes(int family, std::string_view text, std::uint8_t* out) {
    char copy[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return false;
    text.copy(copy, text.size());
    copy[text.size()] = '\0';
    return inet_pton(family, copy, out) == 1;
}

// True if text[at] is a quote that a backslash does not make a character.
bool is_quote(std::string_view text, std::size_t at) {
    if (text[at] != '"') return false;
    std::size_t backslashes = 0;
    while (backslashes < at && text[at - 1 - backslashes] == '\\') ++backslashes;
    return backslashes % 2 == 0;
}

// Takes the last element off a comma-separated list; commas in quotes do not count. From the end,
// because a stranger's unbalanced quote at the front must not swallow what our proxy appended.
std::string_view take_last(std::string_view& list) {
    bool quoted = false;
    for (std::size_t i = list.size(); i-- > 0;) {
        if (is_quote(list, i)) quoted = !quoted;
        if (list[i] != ',' || quoted) continue;
        const auto element = list.substr(i + 1);
        list = list.substr(0, i);
        return trimmed(element);
    }
    return trimmed(std::exchange(list, {}));
}

// "192.0.2.7", "192.0.2.7:4711", "2001:db8::1", "[2001:db8::1]:4711".
std::optional<Address> parse_node(std::string_view node) {
    if (auto address = Address::parse(node)) return address;
    const auto host = node.substr(0, node.rfind(':'));
    // Without brackets a colon in the host means that the last group was taken for a port.
    if (host.find(':') != std::string_view::npos && host.front() != '[') return std::nullopt;
    return Address::parse(host);
}

std::string unquoted(std::string_view value) {
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
    std::string out;
    for (std::size_t i = 1; i + 1 < value.size(); ++i) {
        if (value[i] == '\\' && i + 2 < value.size()) ++i;
        out += value[i];
    }
    return out;
}

// The node behind `for=` in one element of Forwarded: `for="[2001:db8::1]:4711";proto=https`.
std::optional<Address> forwarded_for(std::string_view element) {
    while (!element.empty()) {
        std::size_t end = 0;
        for (bool quoted = false; end < element.size() && (quoted || element[end] != ';'); ++end)
            if (is_quote(element, end)) quoted = !quoted;
        const auto pair = element.substr(0, end);
        element.remove_prefix(std::min(end + 1, element.size()));
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos && equal_ignoring_case(trimmed(pair.substr(0, equals)), "for"))
            return parse_node(unquoted(trimmed(pair.substr(equals + 1))));
    }
    return std::nullopt;
}

}  // namespace

std::optional<Address> Address::from(const sockaddr& address) {
    Address result;
    if (address.sa_family == AF_INET) {
        sockaddr_in v4;
        std::memcpy(&v4, &address, sizeof v4);
        std::copy(kMapped.begin(), kMapped.end(), result.bytes.begin());
        std::memcpy(result.bytes.data() + kMapped.size(), &v4.sin_addr, sizeof v4.sin_addr);
        return result;
    }
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 v6;
        std::memcpy(&v6, &address, sizeof v6);
        std::memcpy(result.bytes.data(), &v6.sin6_addr, result.bytes.size());
        return result;
    }
    return std::nullopt;
}

std::optional<Address> Address::parse(std::string_view text) {
    Address result;
    const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
    if (bracketed) text = text.substr(1, text.size() - 2);
    if (to_bytes(AF_INET6, text, result.bytes.data())) return result;
    if (bracketed || !to_bytes(AF_INET, text, result.bytes.data() + kMapped.size())) return std::nullopt;
    std::copy(kMapped.begin(), kMapped.end(), result.bytes.begin());
    return result;
}

std::string Address::to_string() const {
    char text[INET6_ADDRSTRLEN];
    const bool v4 = is_v4(*this);
    inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? kMapped.size() : 0), text, sizeof text);
    return text;
}

std::optional<Network> Network::parse(std::string_view text) {
    const auto slash = text.find('/');
    auto base = Address::parse(text.substr(0, slash));
    if (!base) return std::nullopt;
    if (slash == std::string_view::npos) return Network{*base, 128};

    const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
    const auto digits = text.substr(slash + 1);
    unsigned bits = 0;
    auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (ec != std::errc() || end != digits.data() + digits.size() || bits > (v4 ? 32u : 128u))
        return std::nullopt;

    Network result{*base, bits + (v4 ? 96u : 0u)};
    for (unsigned bit = result.prefix; bit < 128; ++bit)  // 10.1.2.3/8 is 10.0.0.0/8
        result.base.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
    return result;
}

bool Network::contains(const Address& address) const {
    const std::size_t whole = prefix / 8;
    if (!std::equal(base.bytes.begin(), base.bytes.begin() + whole, address.bytes.begin())) return false;
    if (prefix % 8 == 0) return true;
    return (base.bytes[whole] ^ address.bytes[whole]) >> (8 - prefix % 8) == 0;
}

std::optional<Address> client_address(std::optional<Address> peer, std::string_view x_forwarded_for,
                                      std::string_view forwarded, std::span<const Network> trusted) {
    const bool use_x = !x_forwarded_for.empty();
    std::string_view chain = use_x ? x_forwarded_for : forwarded;
    std::optional<Address> nearest = peer;
    auto is_ours = [&](const Address& a) {
        return std::any_of(trusted.begin(), trusted.end(), [&](const Network& n) { return n.contains(a); });
    };
    while ((!nearest || is_ours(*nearest)) && !chain.empty()) {
        const auto element = take_last(chain);
        if (element.empty()) continue;  // ", ," is allowed in lists and says nothing
        const auto hop = use_x ? parse_node(element) : forwarded_for(element);
        if (!hop) break;
        nearest = hop;
    }
    return nearest;
}

}  // namespace hookswitch
