#include <b24gate/gateway/snapshot.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>

namespace b24gate::gateway {
namespace {

bool concerns(const config::CacheRule& rule, const std::string& portal) {
    return rule.portals.empty() || std::find(rule.portals.begin(), rule.portals.end(), portal) != rule.portals.end();
}

bool same_credential(const config::Credential& a, const config::Credential& b) {
    return a.type == b.type && a.user == b.user && a.secret.reveal() == b.secret.reveal() && a.client_id == b.client_id;
}

bool same_portal(const config::Portal& a, const config::Portal& b) {
    return a.url == b.url && a.read_methods == b.read_methods &&
           std::equal(
               a.credentials.begin(), a.credentials.end(), b.credentials.begin(), b.credentials.end(),
               [](const auto& x, const auto& y) { return x.first == y.first && same_credential(x.second, y.second); });
}

/// Whether what was kept, and what is under way, may still be taken for an answer.
bool same_for_reads(const config::Config& a, const config::Config& b) {
    return a.cache == b.cache && std::equal(a.portals.begin(), a.portals.end(), b.portals.begin(), b.portals.end(),
                                            [](const auto& x, const auto& y) {
                                                return x.first == y.first && same_portal(x.second, y.second);
                                            });
}

}  // namespace

std::shared_ptr<const observe::Masker> make_masker(const config::Config& config, const tokens::TokenKeeper& keeper) {
    observe::MaskRules rules;
    rules.secrets = keeper.secrets();
    for (const auto& [name, portal] : config.portals)
        for (const auto& [credential_name, credential] : portal.credentials) {
            if (!credential.secret.empty()) rules.secrets.push_back(credential.secret);
            if (!credential.client_secret.empty()) rules.secrets.push_back(credential.client_secret);
        }
    if (!config.admin.key.empty()) rules.secrets.push_back(config.admin.key);
    if (!config.admin.read_only_key.empty()) rules.secrets.push_back(config.admin.read_only_key);
    if (!config.store.encryption_key.empty()) rules.secrets.push_back(config.store.encryption_key);
    for (const core::Secret& key : config.store.old_encryption_keys) rules.secrets.push_back(key);
    for (const core::Secret* key : {&config.operations.callback_secret, &config.operations.old_callback_secret})
        if (!key->empty()) rules.secrets.push_back(*key);
    for (const auto& [name, channel] : config.alerts.channels)
        for (const core::Secret* key : {&channel.secret, &channel.old_secret, &channel.token, &channel.password})
            if (!key->empty()) rules.secrets.push_back(*key);
    rules.fields = config.log.mask;
    return std::make_shared<observe::Masker>(std::move(rules));
}

void connect_credentials(Snapshot& snapshot, const tokens::TokenKeeper& keeper) {
    for (auto& [name, runtime] : snapshot.portals)
        for (const auto& [credential_name, credential] : runtime.config->credentials)
            if (auto live = keeper.find(name, credential_name))
                runtime.credentials.emplace(&credential, std::move(live));
}

const config::CacheRule* PortalRuntime::cache_rule(const config::Config& all, std::string_view method_lower,
                                                   std::size_t& number) const noexcept {
    for (const std::size_t i : cache)
        for (const std::string& glob : all.cache[i].methods)
            if (core::glob_match(glob, method_lower)) {
                number = i;
                return &all.cache[i];
            }
    return nullptr;
}

std::string_view Snapshot::credential_name(const config::Portal& portal,
                                           const config::Credential* credential) noexcept {
    for (const auto& [name, candidate] : portal.credentials)
        if (&candidate == credential) return name;
    return {};
}

boost::system::result<std::shared_ptr<Snapshot>, std::string> make_snapshot(
    std::shared_ptr<const config::Config> config, const Snapshot* previous,
    const std::function<net::Worker&(std::string_view portal)>& owner, observe::GateMetrics& metrics) {
    auto snapshot = std::make_shared<Snapshot>(config);
    for (const auto& [name, portal] : config->portals) {
        auto target = upstream::parse_target(portal.url);
        if (!target) return "portal " + name + ": url: " + target.error();
        PortalRuntime runtime;
        runtime.config = &portal;
        runtime.methods = bitrix::Methods(portal.read_methods, portal.repeatable_methods);
        if (target->tls) {
            auto tls = net::TlsClientContext::make(portal.ca);
            if (!tls) return "portal " + name + ": " + tls.error();
            runtime.tls = *tls;
        }
        const PortalRuntime* known = nullptr;
        if (previous != nullptr)
            if (const auto found = previous->portals.find(name); found != previous->portals.end())
                known = &found->second;
        // The context holds what the CA file said; the same file may say something else now, so it is never reused.
        runtime.portal = known != nullptr ? known->portal
                                          : std::make_shared<Portal>(portal, *target, owner(name), core::Clock::now());
        runtime.reads = known != nullptr ? known->reads : std::make_shared<PortalReads>(name);
        for (std::size_t i = 0; i < config->cache.size(); ++i)
            if (concerns(config->cache[i], name)) runtime.cache.push_back(i);
        std::vector<std::string> credentials;
        for (const auto& [credential, ignored] : portal.credentials) credentials.push_back(credential);
        runtime.metrics = &metrics.portal(name, credentials);
        snapshot->portals.emplace(name, std::move(runtime));
    }
    if (previous != nullptr)
        snapshot->reads_generation = previous->reads_generation + (same_for_reads(*previous->config, *config) ? 0 : 1);
    for (const auto& [name, client] : config->clients)
        for (const std::string& portal : client.portals)
            snapshot->requests[{name, portal}] = &metrics.requests(name, portal);
    return snapshot;
}

void apply_snapshot(const Snapshot& snapshot, const Snapshot& previous) {
    for (const auto& [name, runtime] : previous.portals) {
        if (snapshot.portals.contains(name)) continue;
        runtime.portal->refuse_waiting();
        runtime.reads->stop();
        boost::asio::post(runtime.portal->owner().io, [portal = runtime.portal] { portal->stop(); });
    }
    for (const auto& [name, runtime] : snapshot.portals)
        if (const auto target = upstream::parse_target(runtime.config->url))
            runtime.portal->reconfigure(*runtime.config, *target);
}

}  // namespace b24gate::gateway
