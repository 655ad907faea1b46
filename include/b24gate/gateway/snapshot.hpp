// Everything that a request needs and that a reload exchanges as a whole: config, front door, portals. Immutable once
// made; each worker holds the newest, each request the one it began with.
#pragma once

#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <b24gate/access/identify.hpp>
#include <b24gate/bitrix/methods.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/gateway/portal.hpp>
#include <b24gate/gateway/portal_reads.hpp>
#include <b24gate/net/tls.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/tokens/token_keeper.hpp>

namespace b24gate::gateway {

struct PortalRuntime {
    const config::Portal* config = nullptr;
    std::shared_ptr<Portal> portal;              ///< lives on over reloads
    std::shared_ptr<net::TlsClientContext> tls;  ///< null for http
    bitrix::Methods methods;
    observe::PortalMetrics* metrics = nullptr;
    std::shared_ptr<PortalReads> reads;  ///< lives on over reloads
    std::vector<std::size_t> cache;      ///< the rules of Config::cache that concern this portal
    std::map<const config::Credential*, std::shared_ptr<tokens::Credential>> credentials;  ///< live, over reloads

    /// Null for a passthrough client's own.
    [[nodiscard]] tokens::Credential* live(const config::Credential* credential) const {
        const auto found = credentials.find(credential);
        return found == credentials.end() ? nullptr : found->second.get();
    }
    /// The first rule that keeps the answers of that read, and its number; null: none does.
    [[nodiscard]] const config::CacheRule* cache_rule(const config::Config& all, std::string_view method_lower,
                                                      std::size_t& number) const noexcept;
};

struct Snapshot : std::enable_shared_from_this<Snapshot> {
    std::shared_ptr<const config::Config> config;
    access::FrontDoor front_door;
    std::map<std::string, PortalRuntime, std::less<>> portals;
    std::map<std::pair<std::string_view, std::string_view>, observe::RequestMetrics*> requests;  ///< client, portal
    /// Another one whenever the same read could have another answer than before, or would no longer be kept.
    std::uint64_t reads_generation = 1;

    explicit Snapshot(std::shared_ptr<const config::Config> c) : config(c), front_door(std::move(c)) {}

    /// The name under which the portal's config knows that credential; empty for none.
    [[nodiscard]] static std::string_view credential_name(const config::Portal& portal,
                                                          const config::Credential* credential) noexcept;
};

/// `owner` picks the worker whose thread runs a portal's timer. `previous` may be null; its portals go on. The error is
/// a sentence for the operator, and nothing has changed then. connect_credentials() has to follow.
[[nodiscard]] boost::system::result<std::shared_ptr<Snapshot>, std::string> make_snapshot(
    std::shared_ptr<const config::Config> config, const Snapshot* previous,
    const std::function<net::Worker&(std::string_view portal)>& owner, observe::GateMetrics& metrics);

/// The live credentials of the configuration that the keeper has been given: before the snapshot is used.
void connect_credentials(Snapshot& snapshot, const tokens::TokenKeeper& keeper);

/// All that the process knows and nobody may see.
[[nodiscard]] std::shared_ptr<const observe::Masker> make_masker(const config::Config& config,
                                                                 const tokens::TokenKeeper& keeper);

/// Makes what lives on over reloads follow the new snapshot, and ends the portals that are no longer in it: call it
/// when the snapshot has been accepted.
void apply_snapshot(const Snapshot& snapshot, const Snapshot& previous);

}  // namespace b24gate::gateway
