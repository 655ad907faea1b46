#include <b24gate/access/addresses.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace b24gate::access {
namespace {

struct Block {
    std::array<unsigned char, 16> base;
    unsigned bits;
};

constexpr bool contains(const Block& block, const config::IpAddress& address) noexcept {
    for (unsigned bit = 0; bit < block.bits; ++bit)
        if (((block.base[bit / 8] ^ address[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
    return true;
}

constexpr Block v4(unsigned a, unsigned b, unsigned c, unsigned d, unsigned bits) noexcept {
    const auto byte = [](unsigned n) { return static_cast<unsigned char>(n); };
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, byte(a), byte(b), byte(c), byte(d)}, 96 + bits};
}

constexpr Block v6(unsigned a, unsigned b, unsigned c, unsigned bits) noexcept {
    Block out{{}, bits};
    const unsigned groups[] = {a, b, c};
    for (std::size_t i = 0; i < 3; ++i) {
        out.base[2 * i] = static_cast<unsigned char>(groups[i] >> 8);
        out.base[2 * i + 1] = static_cast<unsigned char>(groups[i] & 0xFF);
    }
    return out;
}

constexpr Block every_v4 = v4(0, 0, 0, 0, 0);
/// IPv4 as an IPv6-only network reaches it (RFC 6052).
constexpr Block nat64 = v6(0x64, 0xFF9B, 0, 96);
/// All that has been given out of IPv6 for hosts of the internet.
constexpr Block global_v6 = v6(0x2000, 0, 0, 3);

/// What is not the internet: the registries of special-purpose addresses, and one cloud's services.
constexpr Block special[] = {
    v4(0, 0, 0, 0, 8),         // this network
    v4(10, 0, 0, 0, 8),        // private
    v4(100, 64, 0, 0, 10),     // of a carrier
    v4(127, 0, 0, 0, 8),       // loopback
    v4(168, 63, 129, 16, 32),  // Azure's own services
    v4(169, 254, 0, 0, 16),    // link-local; the metadata of most clouds
    v4(172, 16, 0, 0, 12),     // private
    v4(192, 0, 0, 0, 24),      // protocols
    v4(192, 0, 2, 0, 24),      // documentation
    v4(192, 88, 99, 0, 24),    // 6to4 relays
    v4(192, 168, 0, 0, 16),    // private
    v4(198, 18, 0, 0, 15),     // benchmarks
    v4(198, 51, 100, 0, 24),   // documentation
    v4(203, 0, 113, 0, 24),    // documentation
    v4(224, 0, 0, 0, 3),       // groups, reserved, broadcast
    v6(0x2001, 0, 0, 23),      // protocols: Teredo wraps IPv4
    v6(0x2001, 0xDB8, 0, 32),  // documentation
    v6(0x2002, 0, 0, 16),      // 6to4 wraps IPv4
    v6(0x3FFF, 0, 0, 20),      // documentation
};

}  // namespace

AddressSet::AddressSet(const std::vector<std::string>& blocks) : any_(blocks.empty()) {
    for (const std::string& text : blocks)
        if (const auto block = config::parse_cidr(text)) blocks_.push_back(*block);
}

bool AddressSet::allows(std::string_view peer) const noexcept {
    if (any_) return true;
    const auto address = config::parse_address(peer);
    return address && std::any_of(blocks_.begin(), blocks_.end(),
                                  [&](const config::Cidr& block) { return block.contains(*address); });
}

bool is_public_address(std::string_view address) noexcept {
    auto bytes = config::parse_address(address);
    if (!bytes) return false;
    if (contains(nat64, *bytes)) std::copy_n(every_v4.base.begin(), 12, bytes->begin());
    if (!contains(every_v4, *bytes) && !contains(global_v6, *bytes)) return false;
    return std::none_of(std::begin(special), std::end(special),
                        [&](const Block& block) { return contains(block, *bytes); });
}

}  // namespace b24gate::access
