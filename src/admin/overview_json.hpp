// What GET /api/v1/overview says.
#pragma once

#include <boost/json/object.hpp>

#include <optional>
#include <vector>

#include <b24gate/admin/admin_shared.hpp>
#include <b24gate/gateway/snapshot.hpp>

namespace b24gate::admin {

struct OverviewFacts {
    const gateway::Snapshot& snapshot;
    const AdminShared& shared;
    std::int64_t now;  ///< Unix milliseconds
    std::optional<std::vector<storage::OperationCount>> counts;
    std::optional<std::vector<storage::GatewayRecord>> gateways;
};
[[nodiscard]] boost::json::object overview_json(const OverviewFacts& facts);

}  // namespace b24gate::admin
