// A notice to a person at a portal, by im.notify.system.add through the gateway's own door: a bulk call, which takes
// its turn and delays nobody. Belongs to its worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <set>
#include <string>

#include <b24gate/alerts/delivery.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/gateway/own_call.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/observe/log.hpp>

namespace b24gate::notify {

struct PortalNotice {
    std::string portal, credential;
    std::int64_t user = 0;
    std::string text;  ///< BB code
    std::string tag;   ///< a later notice of the same tag takes the place of this one; empty: none

    PortalNotice() = default;  // no aggregate: see CONTRIBUTING.md on what g++ 12 does to those beside a co_await
};

/// Sends notices with the snapshot that the worker has now. What it is given must live as long as the worker.
class PortalNotices {
public:
    PortalNotices(gateway::WorkerState& worker, observe::Log& log, observe::GateMetrics& metrics)
        : worker_(worker), log_(log), metrics_(metrics) {}

    boost::asio::awaitable<alerts::Delivery> send(PortalNotice notice, core::Deadline deadline);
    /// The process stops: what still waits for its turn is given up.
    void recall();

private:
    gateway::WorkerState& worker_;
    observe::Log& log_;
    observe::GateMetrics& metrics_;
    std::set<gateway::RecallableCaller*> callers_;  ///< that are under way
};

}  // namespace b24gate::notify
