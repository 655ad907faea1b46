// For plan = "auto": asks the portal once, by app.info, which plan it is on. The question goes through the gateway's
// own door as a bulk call, so it takes one hit of the budget and delays nobody; when it fails, the limiter's own
// probing goes on as before.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/observe/log.hpp>

namespace b24gate::gateway {

/// What app.info's answer says of the plan: LICENSE_FAMILY, else LICENSE_TYPE, else LICENSE without its language
/// ("ru_ent250" -> "ent250"). Empty when it says nothing that tells the request budget: no such member, or a
/// self-hosted portal. Pure; any bytes.
[[nodiscard]] std::string license_of(std::string_view answer);

/// Begins to ask when that is due (Portal::claim_plan_reading) and returns at once. Call it after a call that this
/// credential has carried; null (a passthrough client's own) asks nothing. On the worker's thread; what is asked keeps
/// the snapshot alive, the rest must live as long as the worker.
void read_plan_if_due(WorkerState& worker, const std::shared_ptr<const Snapshot>& snapshot, const PortalRuntime& portal,
                      const config::Credential* credential, observe::Log& log, observe::GateMetrics& metrics);

}  // namespace b24gate::gateway
