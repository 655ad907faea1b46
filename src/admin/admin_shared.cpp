#include <b24gate/admin/admin_shared.hpp>

namespace b24gate::admin {

void AdminShared::sample(const gateway::Snapshot& snapshot) {
    std::map<std::string, FaultTotals> totals;
    for (const auto& [name, runtime] : snapshot.portals) totals.emplace(name, runtime.metrics->calls_by_fault());
    minutes.sample(totals, core::unix_ms() / 1000);
}

}  // namespace b24gate::admin
