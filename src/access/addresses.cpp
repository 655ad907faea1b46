#include <b24gate/access/addresses.hpp>

#include <algorithm>

namespace b24gate::access {

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

}  // namespace b24gate::access
