// Who is calling, and may this key be used from there: key -> Client. Built once from a Config, which it keeps alive;
// immutable; any thread. What it returns points into that Config.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <b24gate/access/addresses.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/sha256.hpp>

namespace b24gate::access {

class Authenticator {
public:
    explicit Authenticator(std::shared_ptr<const config::Config> config);

    /// The client with that key; null: none. Costs one SHA-256.
    [[nodiscard]] const config::Client* by_key(std::string_view key) const;

    /// The passthrough client that `portal` (empty: the call names none) is granted to and that may come from `peer`;
    /// one that lists its addresses goes before one that takes any. Null: none, or, without a portal, not exactly one.
    [[nodiscard]] const config::Client* passthrough(std::string_view portal, std::string_view peer) const;

    /// Whether that client may come from that address.
    [[nodiscard]] bool address_allowed(const config::Client& client, std::string_view peer) const;

    [[nodiscard]] const config::Config& config() const noexcept { return *config_; }

private:
    struct Entry {
        const config::Client* client;
        AddressSet addresses;
    };
    struct HashDigest {
        std::size_t operator()(const core::Sha256& digest) const noexcept {
            std::size_t out;
            std::memcpy(&out, digest.data(), sizeof out);
            return out;
        }
    };

    std::shared_ptr<const config::Config> config_;
    std::vector<Entry> entries_;
    std::unordered_map<core::Sha256, const config::Client*, HashDigest> by_digest_;
    std::unordered_map<const config::Client*, std::size_t> entry_of_;
    std::vector<std::size_t> passthrough_;  ///< of entries_; those with addresses first
};

}  // namespace b24gate::access
