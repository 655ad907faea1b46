// What GET /api/v1/portals says. Pure but for the portals' own locks.
#pragma once

#include <string>

#include <b24gate/gateway/portal_pauses.hpp>
#include <b24gate/gateway/snapshot.hpp>

namespace b24gate::admin {

[[nodiscard]] std::string portals_json(const gateway::Snapshot& snapshot, const gateway::PortalPauses& pauses);

}  // namespace b24gate::admin
