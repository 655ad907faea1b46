// What GET /api/v1/portals says. Pure but for the portals' own locks.
#pragma once

#include <string>

#include <b24gate/gateway/portal_pauses.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/observe/mask.hpp>

namespace b24gate::admin {

/// `only`: the name of the one that is wanted; null: all of them.
[[nodiscard]] std::string portals_json(const gateway::Snapshot& snapshot, const gateway::PortalPauses& pauses,
                                       const observe::Masker& masker, const std::string* only = nullptr);

}  // namespace b24gate::admin
