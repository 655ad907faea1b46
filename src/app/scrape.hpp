// Gauges that are looked up at the moment of a scrape, and the health of portals that follows from the same figures.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/observe/health.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/server/session.hpp>

#include "workers.hpp"

namespace b24gate::app {

[[nodiscard]] std::vector<std::string> portal_names(const gateway::Snapshot& snapshot);

/// Registered for as long as it lives. Any thread.
class Scrape {
public:
    Scrape(observe::Registry& registry, observe::GateMetrics& metrics, const observe::Log& log, observe::Health& health,
           const server::PortStats& data, const server::PortStats& admin,
           const std::vector<std::unique_ptr<WorkerThread>>& workers);

    void use(std::shared_ptr<const gateway::Snapshot> snapshot);

private:
    void collect();
    void collect_portal(const gateway::PortalRuntime& runtime);
    [[nodiscard]] bool collect_credentials(const gateway::PortalRuntime& runtime);
    void collect_connections();
    void collect_port(const std::string& name, const server::PortStats& stats);

    observe::GateMetrics& metrics_;
    const observe::Log& log_;
    observe::Health& health_;
    const server::PortStats& data_;
    const server::PortStats& admin_;
    const std::vector<std::unique_ptr<WorkerThread>>& workers_;
    std::mutex mutex_;  ///< guards what follows
    std::shared_ptr<const gateway::Snapshot> snapshot_;
    std::map<std::string, upstream::ClientStats> counted_;  ///< by worker and portal: what has been added already
    std::shared_ptr<void> registered_;
};

}  // namespace b24gate::app
