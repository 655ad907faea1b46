#include <b24gate/access/authenticate.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <b24gate/core/text.hpp>

namespace b24gate::access {
namespace {

std::optional<core::Sha256> from_hex(std::string_view hex) noexcept {
    core::Sha256 out{};
    if (hex.size() != out.size() * 2) return std::nullopt;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = core::hex_digit(hex[2 * i]), low = core::hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out[i] = static_cast<unsigned char>(high << 4 | low);
    }
    return out;
}

bool granted(const config::Client& client, std::string_view portal) noexcept {
    return std::find(client.portals.begin(), client.portals.end(), portal) != client.portals.end();
}

}  // namespace

Authenticator::Authenticator(std::shared_ptr<const config::Config> config) : config_(std::move(config)) {
    for (const auto& [name, client] : config_->clients) {
        entry_of_.emplace(&client, entries_.size());
        if (client.passthrough) passthrough_.push_back(entries_.size());
        entries_.push_back({&client, AddressSet(client.addresses)});
        if (const auto digest = from_hex(client.key_sha256)) by_digest_.emplace(*digest, &client);
    }
    std::stable_partition(passthrough_.begin(), passthrough_.end(),
                          [&](std::size_t i) { return !entries_[i].client->addresses.empty(); });
}

// The time of a look-up does depend on how far the digest of the presented key agrees with a stored one (bucket, then
// bytes), and that gives nothing away: a key cannot be steered towards a stored digest. Whoever learnt the first n bits
// of one needs about 2^n tries to find any text whose digest begins like that, is no nearer to the key itself, which
// has 256 random bits, and with the whole digest in hand would still have to invert SHA-256. Comparing keys directly
// would leak them letter by letter; comparing with every client would cost more with every client.
const config::Client* Authenticator::by_key(std::string_view key) const {
    const auto found = by_digest_.find(core::sha256(key));
    return found == by_digest_.end() ? nullptr : found->second;
}

const config::Client* Authenticator::passthrough(std::string_view portal, std::string_view peer) const {
    const config::Client* found = nullptr;
    for (const std::size_t i : passthrough_) {
        const Entry& entry = entries_[i];
        if (!entry.addresses.allows(peer) || !(portal.empty() || granted(*entry.client, portal))) continue;
        if (!portal.empty()) return entry.client;
        if (found && found->addresses.empty() == entry.client->addresses.empty()) return nullptr;
        if (!found) found = entry.client;
    }
    return found;
}

bool Authenticator::address_allowed(const config::Client& client, std::string_view peer) const {
    const auto found = entry_of_.find(&client);
    return found != entry_of_.end() && entries_[found->second].addresses.allows(peer);
}

}  // namespace b24gate::access
