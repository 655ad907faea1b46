#include <b24gate/gateway/worker_state.hpp>

namespace b24gate::gateway {
namespace {

upstream::Endpoint endpoint_of(const PortalRuntime& portal, const upstream::Target& target) {
    upstream::Endpoint endpoint;
    endpoint.target = target;
    endpoint.tls = target.tls ? portal.tls : nullptr;
    endpoint.connect_timeout = portal.config->connect_timeout;
    return endpoint;
}

upstream::PoolLimits pool_of(const config::Portal& portal) {
    upstream::PoolLimits limits;
    limits.idle = portal.pool_idle;
    // max_in_flight is kept by the admission, for all workers together. What streams a long answer to a slow client
    // has left the count but not its connection: hence the room.
    limits.max_connections = std::size_t{portal.max_in_flight} * 4 + 64;
    return limits;
}

}  // namespace

WorkerState::WorkerState(net::Worker& w, std::shared_ptr<const Snapshot> snapshot, tokens::TokenKeeper& k,
                         AnswerCache& c)
    : worker(w), keeper(k), cache(c), snapshot_(std::move(snapshot)), resolver_(w) {}

void WorkerState::use(std::shared_ptr<const Snapshot> snapshot) {
    snapshot_ = std::move(snapshot);
    for (auto it = clients_.begin(); it != clients_.end();) {
        const auto portal = snapshot_->portals.find(it->first);
        if (portal == snapshot_->portals.end()) {
            it = clients_.erase(it);
            continue;
        }
        it->second.location = portal->second.portal->location();
        it->second.client->configure(pool_of(*portal->second.config));
        it->second.client->move_to(endpoint_of(portal->second, it->second.location.target));
        ++it;
    }
}

upstream::HttpsClient& WorkerState::client(const PortalRuntime& portal, Portal::Location& location) {
    Entry& entry = clients_[portal.config->name];
    if (!entry.client) {
        entry.location = portal.portal->location();
        entry.client = std::make_unique<upstream::HttpsClient>(
            worker, resolver_, endpoint_of(portal, entry.location.target), pool_of(*portal.config));
    } else if (entry.location.generation != portal.portal->generation()) {
        entry.location = portal.portal->location();
        entry.client->move_to(endpoint_of(portal, entry.location.target));
    }
    location = entry.location;
    return *entry.client;
}

void WorkerState::expire(core::TimePoint now) {
    for (auto& [name, entry] : clients_) entry.client->expire(now);
}

void WorkerState::close_idle() {
    for (auto& [name, entry] : clients_) entry.client->close_idle();
}

std::map<std::string, upstream::ClientStats> WorkerState::stats() const {
    std::map<std::string, upstream::ClientStats> stats;
    for (const auto& [name, entry] : clients_) stats[name] = entry.client->stats();
    return stats;
}

}  // namespace b24gate::gateway
