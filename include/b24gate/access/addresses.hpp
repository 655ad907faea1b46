// Where a client may come from. Pure; immutable; any thread.
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

}  // namespace b24gate::access
