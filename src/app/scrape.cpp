#include "scrape.hpp"

#include <algorithm>

#include <b24gate/tokens/refresh_policy.hpp>

namespace b24gate::app {
namespace {

observe::BreakerState state_of(admission::Breaker::State state) {
    switch (state) {
        case admission::Breaker::State::closed: return observe::BreakerState::closed;
        case admission::Breaker::State::open: return observe::BreakerState::open;
        case admission::Breaker::State::half_open: return observe::BreakerState::half_open;
    }
    return observe::BreakerState::closed;
}

void collect_refusals(const admission::Counters& counters, observe::PortalMetrics& m) {
    using Reason = admission::RefusalReason;
    m.refused_by_portal("rate", counters.rate_refusals);
    m.refused_by_portal("operating", counters.operating_refusals);
    for (const Reason reason :
         {Reason::queue_full, Reason::client_queue_full, Reason::deadline, Reason::operating, Reason::breaker_open})
        m.refused_by_gateway(to_string(reason), counters.refused[static_cast<std::size_t>(reason)]);
    m.refused_by_gateway("expired", counters.expired);
    m.would_have(counters.would_delay, counters.would_delay_s, counters.would_refuse);
}

}  // namespace

std::vector<std::string> portal_names(const gateway::Snapshot& snapshot) {
    std::vector<std::string> names;
    for (const auto& [name, runtime] : snapshot.portals) names.push_back(name);
    return names;
}

Scrape::Scrape(observe::Registry& registry, observe::GateMetrics& metrics, const observe::Log& log,
               observe::Health& health, const server::PortStats& data, const server::PortStats& admin,
               const std::vector<std::unique_ptr<WorkerThread>>& workers)
    : metrics_(metrics), log_(log), health_(health), data_(data), admin_(admin), workers_(workers) {
    registered_ = registry.on_collect([this] { collect(); });
}

void Scrape::use(std::shared_ptr<const gateway::Snapshot> snapshot) {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
}

void Scrape::collect() {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, runtime] : snapshot_->portals) collect_portal(runtime);
    collect_connections();
    collect_port("data", data_);
    collect_port("admin", admin_);
    metrics_.log_dropped.with({}).set(static_cast<double>(log_.dropped()));
}

void Scrape::collect_portal(const gateway::PortalRuntime& runtime) {
    const admission::Snapshot s = runtime.portal->snapshot();
    observe::PortalMetrics& m = *runtime.metrics;
    m.bucket_level.set(s.level);
    m.bucket_capacity.set(s.capacity);
    m.bucket_leak.set(s.rate);
    m.in_flight.set(s.in_flight);
    m.in_flight_limit.set(s.max_in_flight);
    for (std::size_t i = 0; i < m.queue_length.size(); ++i) {
        m.queue_length[i]->set(static_cast<double>(s.queue_by_priority[i]));
        m.predicted_wait[i]->set(core::to_seconds(s.predicted_wait[i]));
    }
    collect_refusals(s.counters, m);
    m.batches(s.batches.calls, s.batches.hits_saved, s.batches.failed);
    for (std::size_t i = 0; i < s.batches.sizes.size(); ++i)
        m.batches_by_size(admission::batch_size_names[i], s.batches.sizes[i]);
    for (const auto& [credential, ignored] : runtime.config->credentials) {
        auto state = observe::BreakerState::closed;
        for (const auto& breaker : s.breakers)
            if (breaker.credential == credential) state = state_of(breaker.state);
        m.breaker(credential, state);
        double used = 0;
        for (const auto& counter : s.operating)
            if (counter.credential == credential && counter.limit > 0)
                used = std::max(used, counter.used / counter.limit);
        m.operating(credential, used);
    }
    const bool reauth = collect_credentials(runtime);
    if (const auto health = health_.portal(runtime.config->name))
        health->set(runtime.portal->paused() ? observe::PortalState::paused
                    : reauth                 ? observe::PortalState::needs_reauth
                    : s.breakers.empty()     ? observe::PortalState::ok
                                             : observe::PortalState::overload);
}

/// True: one of them has to be authorized again.
bool Scrape::collect_credentials(const gateway::PortalRuntime& runtime) {
    bool any = false;
    const core::TimePoint now = core::Clock::now();
    const double wall = core::unix_seconds();
    for (const auto& [config, live] : runtime.credentials) {
        const auto look = live->peek(now);
        const bool reauth = look.state == tokens::Credential::State::needs_reauth;
        any = any || reauth;
        const std::string &portal = live->portal(), &name = live->name();
        metrics_.credential_state.with({portal, name, "active"}).set(!reauth);
        metrics_.credential_state.with({portal, name, "needs_reauth"}).set(reauth);
        if (!look.token) continue;
        metrics_.access_token_expiry.with({portal, name}).set(wall + core::to_seconds(look.token->expires_at - now));
        const auto age = tokens::refresh_token_age(live->record(), 0);
        metrics_.refresh_token_expiry.with({portal, name}).set(static_cast<double>(age.ends_at) / 1000);
    }
    return any;
}

/// The workers count for themselves; what they have counted since the last look is added here.
void Scrape::collect_connections() {
    std::map<std::string, std::pair<std::size_t, std::size_t>> open;
    for (const auto& worker : workers_) {
        const std::lock_guard lock(worker->published.mutex);
        for (const auto& [portal, stats] : worker->published.clients) {
            const auto runtime = snapshot_->portals.find(portal);
            if (runtime == snapshot_->portals.end()) continue;
            observe::PortalMetrics& m = *runtime->second.metrics;
            upstream::ClientStats& before = counted_[std::to_string(worker->worker.index) + "/" + portal];
            for (; before.connects < stats.connects; ++before.connects) m.connected();
            for (; before.tls_resumed < stats.tls_resumed; ++before.tls_resumed, ++before.tls_handshakes)
                m.handshaken(true);
            for (; before.tls_handshakes < stats.tls_handshakes; ++before.tls_handshakes) m.handshaken(false);
            before = stats;  // smaller after a reload that made the client anew
            open[portal].first += stats.idle;
            open[portal].second += stats.open - stats.idle;
        }
    }
    for (const auto& [portal, counts] : open) {
        observe::PortalMetrics& m = *snapshot_->portals.find(portal)->second.metrics;
        m.connections[static_cast<std::size_t>(observe::PoolState::idle)]->set(static_cast<double>(counts.first));
        m.connections[static_cast<std::size_t>(observe::PoolState::busy)]->set(static_cast<double>(counts.second));
    }
}

void Scrape::collect_port(const std::string& name, const server::PortStats& stats) {
    metrics_.http_connections.with({name}).set(static_cast<double>(stats.connections));
    for (const auto& [reason, count] : stats.rejected())
        metrics_.http_rejected.with({name, reason}).set(static_cast<double>(count));
}

}  // namespace b24gate::app
