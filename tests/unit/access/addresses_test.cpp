#include <doctest/doctest.h>

#include <b24gate/access/addresses.hpp>

using namespace b24gate::access;

TEST_CASE("which peers a list of blocks lets in") {
    struct {
        std::vector<std::string> blocks;
        const char* peer;
        bool allowed;
    } const cases[] = {
        {{}, "10.0.0.1", true},
        {{}, "not an address", true},
        {{"10.0.0.0/8"}, "10.255.1.2", true},
        {{"10.0.0.0/8"}, "11.0.0.1", false},
        {{"10.0.0.0/8"}, "::ffff:10.1.2.3", true},
        {{"::ffff:10.0.0.0/104"}, "10.1.2.3", true},
        {{"10.0.0.0/8"}, "::a01:203", false},
        {{"192.168.1.4"}, "192.168.1.4", true},
        {{"192.168.1.4"}, "192.168.1.5", false},
        {{"192.168.1.4/31"}, "192.168.1.5", true},
        {{"192.168.1.4/31"}, "192.168.1.6", false},
        {{"0.0.0.0/0"}, "203.0.113.9", true},
        {{"0.0.0.0/0"}, "2001:db8::1", false},
        {{"::/0"}, "203.0.113.9", true},
        {{"fd00::/8"}, "fdff::1", true},
        {{"fd00::/8"}, "fe00::1", false},
        {{"fe80::/10"}, "fe80::1%eth0", true},
        {{"fe80::/10"}, "febf::1", true},
        {{"fe80::/10"}, "fec0::1", false},
        {{"10.0.0.0/8", "::1"}, "::1", true},
        {{"10.0.0.0/8", "::1"}, "127.0.0.1", false},
        {{"10.0.0.0/8"}, "", false},
        {{"10.0.0.0/8"}, "10.0.0.1:80", false},
        {{"garbage"}, "10.0.0.1", false},
    };
    for (const auto& c : cases) {
        CAPTURE(c.peer);
        CAPTURE((c.blocks.empty() ? std::string("any") : c.blocks[0]));
        CHECK(AddressSet(c.blocks).allows(c.peer) == c.allowed);
    }
}

TEST_CASE("which addresses are of the open internet") {
    const char* const open[] = {
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.1", "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
        "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0",
        "223.255.255.255",
        // IPv6, and IPv4 written as IPv6
        "2606:4700:4700::1111", "2001:4860:4860::8888", "2001:200::", "2a00::1", "2003::1", "3fff:1000::1",
        "::ffff:8.8.8.8", "::FFFF:0808:0808", "64:ff9b::8.8.8.8", "64:ff9b::808:808"};
    for (const char* address : open) {
        CAPTURE(address);
        CHECK(is_public_address(address));
    }
    const char* const closed[] = {
        // this host, its network, its carrier
        "0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1",
        "172.31.255.255", "192.168.0.1", "192.168.255.255", "100.64.0.1", "100.127.255.255", "169.254.0.1",
        // what clouds tell to those inside
        "169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254",
        // examples, benchmarks, protocols
        "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "198.19.255.255", "192.0.0.8", "192.88.99.1",
        // groups, reserved, broadcast
        "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        // IPv6 likewise
        "::", "::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "ff0e::1",
        "100::1", "2001:db8::1", "3fff:fff::1", "5f00::1", "4000::1", "1fff::1", "2001:1ff::1",
        // IPv4 that hides in IPv6: mapped, compatible, translated, 6to4, Teredo, NAT64
        "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "0:0:0:0:0:FFFF:C0A8:0001",
        "::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "2002:7f00:1::", "2002:a00:1::1",
        "2002:808:808::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "64:ff9b::127.0.0.1", "64:ff9b::a00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8", "64:ff9b::1:808:808",
        // no address as it is meant here
        "", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "010.0.0.1", "8.8.8.8:80", "[::1]", "8.8.8.8 "};
    for (const char* address : closed) {
        CAPTURE(address);
        CHECK_FALSE(is_public_address(address));
    }
}
