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
