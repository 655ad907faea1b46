// Where a client may come from, and where a callback may go to. Pure; immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <b24gate/config/units.hpp>

namespace b24gate::access {

class AddressSet {
public:
    AddressSet() = default;
    /// Addresses and CIDR blocks as they stand in the config; what is neither allows nothing.
    explicit AddressSet(const std::vector<std::string>& blocks);

    /// `peer`: an address without port. An empty set allows any peer; otherwise a peer that is no address is refused.
    [[nodiscard]] bool allows(std::string_view peer) const noexcept;

private:
    bool any_ = true;
    std::vector<config::Cidr> blocks_;
};

/// Whether the address, without port, belongs to a host of the open internet: not to this one, its network, its cloud's
/// services, a documentation's example or a group. One that only wraps an IPv4 address is judged by that where a
/// network may use it (mapped, NAT64), and else is none. False for what is no address.
[[nodiscard]] bool is_public_address(std::string_view address) noexcept;

}  // namespace b24gate::access
