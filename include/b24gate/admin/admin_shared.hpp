// What the admin ports of all workers have in common. Made before the workers run, and there until they have ended;
// what stands in it may be used from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <b24gate/admin/operation_jobs.hpp>
#include <b24gate/observe/health.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/observe/metrics.hpp>
#include <b24gate/storage/store.hpp>

namespace b24gate::admin {

struct ReloadReport {
    bool ok = false;
    std::vector<std::string> errors;  ///< one sentence each; the old config runs on
    std::vector<std::string> warnings;
};

/// Asks for a reload; the callback is called once, on any thread.
using Reload = std::function<void(std::function<void(ReloadReport)>)>;

struct AdminShared {
    storage::Store& store;
    observe::Log& log;
    const observe::Registry& registry;
    const observe::Health& health;
    Reload reload;
    /// Operations of a portal can run that could not before.
    std::function<void(const std::string& portal)> operations_changed = [](const std::string&) {};
    std::shared_ptr<OperationJobs> jobs = std::make_shared<OperationJobs>();

    /// The process stops: nothing that was begun here goes on for long.
    void stop() { jobs->close(); }
};

}  // namespace b24gate::admin
