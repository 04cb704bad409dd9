#include "daemon/core/address.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hookswitch {
namespace {

std::string round_trip(std::string_view text) {
    auto address = Address::parse(text);
    return address ? address->to_string() : "no address";
}

TEST(AddressParse, ReadsBothFamilies) {
    EXPECT_EQ(round_trip("192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(round_trip("2001:DB8:0::1"), "2001:db8::1");
    EXPECT_EQ(round_trip("[2001:db8::1]"), "2001:db8::1");
    EXPECT_EQ(round_trip("::ffff:192.0.2.7"), "192.0.2.7") << "the mapped form is the same address";
    EXPECT_EQ(Address::parse("::ffff:192.0.2.7"), Address::parse("192.0.2.7"));
}

TEST(AddressParse, RefusesWhatIsNotOne) {
    const std::string hidden_tail("192.0.2.7\0.evil", 15);
    for (const std::string& text :
         {std::string(), std::string("localhost"), std::string("unknown"), std::string("192.0.2"),
          std::string("192.0.2.256"), std::string("192.0.2.7:80"), std::string("[192.0.2.7]"),
          std::string("[::1"), std::string("::1]"), std::string("[]"), std::string(" ::1"),
          std::string("fe80::1%eth0"), std::string(500, '1'), hidden_tail}) {
        SCOPED_TRACE(text);
        EXPECT_EQ(Address::parse(text), std::nullopt);
    }
}

TEST(NetworkParse, ContainsWhatItsPrefixSays) {
    struct {
        const char *network, *address;
        bool inside;
    } const cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.1.2.3/8", "10.9.9.9", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.200", true},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"192.0.2.7/32", "::ffff:192.0.2.7", true},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1/128", "::1", true},
        {"::1/128", "::2", false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.network) + " and " + c.address);
        auto network = Network::parse(c.network);
        ASSERT_TRUE(network);
        EXPECT_EQ(network->contains(*Address::parse(c.address)), c.inside);
    }
}

TEST(NetworkParse, HostBitsDoNotMatter) {
    EXPECT_EQ(Network::parse("10.1.2.3/8"), Network::parse("10.0.0.0/8"));
}

TEST(NetworkParse, RefusesWhatIsNotOne) {
    for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/8x", "10.0.0.0/-1",
                             "10.0.0.0/ 8", "10.0.0.0/8/8", "10/8", "example.com/24", "::1/4294967300"}) {
        SCOPED_TRACE(text);
        EXPECT_EQ(Network::parse(text), std::nullopt);
    }
}

const std::vector<Network> kTrusted{*Network::parse("127.0.0.1"), *Network::parse("10.0.0.0/8"),
                                    *Network::parse("::1/128")};

std::string client(const char* peer, std::string_view x_forwarded_for, std::string_view forwarded = "") {
    auto address =
        client_address(peer ? Address::parse(peer) : std::nullopt, x_forwarded_for, forwarded, kTrusted);
    return address ? address->to_string() : "nobody";
}

TEST(ClientAddress, BelievesTrustedProxiesOnly) {
    struct {
        const char* name;
        const char* peer;
        const char* header;
        const char* expected;
    } const cases[] = {
        {"no header", "127.0.0.1", "", "127.0.0.1"},
        {"a stranger's header", "203.0.113.9", "198.51.100.1", "203.0.113.9"},
        {"one proxy", "127.0.0.1", "198.51.100.1", "198.51.100.1"},
        {"two proxies", "127.0.0.1", "198.51.100.1, 10.1.1.1", "198.51.100.1"},
        {"what the client wrote itself", "127.0.0.1", "1.1.1.1, 198.51.100.1, 10.1.1.1", "198.51.100.1"},
        {"a client that claims to be our proxy", "127.0.0.1", "10.1.1.1, 198.51.100.1", "198.51.100.1"},
        {"only proxies", "127.0.0.1", "10.2.2.2, 10.1.1.1", "10.2.2.2"},
        {"a hop that is not known", "127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"},
        {"garbage behind a proxy", "127.0.0.1", "198.51.100.1, x, 10.1.1.1", "10.1.1.1"},
        {"ports", "127.0.0.1", "198.51.100.1:4711", "198.51.100.1"},
        {"IPv6", "::1", "2001:db8::1", "2001:db8::1"},
        {"IPv6 with a port", "::1", "[2001:db8::1]:4711", "2001:db8::1"},
        {"IPv6 with a port and no brackets", "::1", "2001:db8:0:0:0:0:0:1:4711", "::1"},
        {"empty elements and tabs", "127.0.0.1", " ,198.51.100.1\t, ,", "198.51.100.1"},
        {"Unix socket", nullptr, "198.51.100.1", "198.51.100.1"},
        {"Unix socket, no header", nullptr, "", "nobody"},
        {"Unix socket, no address", nullptr, "unknown", "nobody"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(client(c.peer, c.header), c.expected);
    }
}

TEST(ClientAddress, ReadsForwarded) {
    struct {
        const char* name;
        const char* header;
        const char* expected;
    } const cases[] = {
        {"plain", "for=198.51.100.1", "198.51.100.1"},
        {"among others", "proto=https;For=198.51.100.1;by=10.1.1.1", "198.51.100.1"},
        {"spaces", " for = 198.51.100.1 ; proto=https ", "198.51.100.1"},
        {"quoted IPv6 and port", "for=\"[2001:db8::1]:4711\"", "2001:db8::1"},
        {"escapes", "for=\"198\\.51.100.1\"", "198.51.100.1"},
        {"two proxies", "for=198.51.100.1, for=10.1.1.1", "198.51.100.1"},
        {"obfuscated", "for=_hidden", "127.0.0.1"},
        {"unknown", "for=unknown, for=10.1.1.1", "10.1.1.1"},
        {"no for", "proto=https", "127.0.0.1"},
        {"semicolon in quotes", "by=\"a;for=1.1.1.1\";for=198.51.100.1", "198.51.100.1"},
        {"comma in quotes", "for=1.1.1.1;by=\"a, for=2.2.2.2\"", "1.1.1.1"},
        {"a stranger's open quote", "for=\"1.1.1.1, for=198.51.100.1", "198.51.100.1"},
        {"a stranger's escaped quote", "for=\"1.1.1.1\\\", for=198.51.100.1", "198.51.100.1"},
        {"nothing but quotes", "\"\"\"", "127.0.0.1"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(client("127.0.0.1", "", c.header), c.expected);
    }
}

TEST(ClientAddress, PrefersXForwardedFor) {
    EXPECT_EQ(client("127.0.0.1", "198.51.100.1", "for=203.0.113.9"), "198.51.100.1");
}

}  // namespace
}  // namespace hookswitch
