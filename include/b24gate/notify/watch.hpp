// Looks at what this gateway has seen, for the rules. On one worker.
#pragma once

#include <map>
#include <string>

#include <b24gate/alerts/call_window.hpp>
#include <b24gate/alerts/facts.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/observe/gate_metrics.hpp>

namespace b24gate::notify {

class Watch {
public:
    /// `name`: of this gateway, for people. `store_url`: whose disk is looked at. `metrics` must outlive it.
    Watch(std::string name, std::string store_url, observe::GateMetrics& metrics, core::TimePoint now);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// As things are now; its counts are as fine as this is called often.
    [[nodiscard]] alerts::Facts look(const gateway::Snapshot& snapshot, core::TimePoint now, alerts::UnixMs wall);

private:
    /// Calls, those that the system failed, those that failed.
    using Calls = alerts::CallWindow<3>;
    void look_at_portal(const std::string& name, const gateway::PortalRuntime& runtime, core::TimePoint now,
                        const config::Alerts& settings, alerts::Facts& out);

    const std::string name_, store_url_;
    observe::GateMetrics& metrics_;
    const core::TimePoint started_;
    const alerts::UnixMs since_;
    core::Duration calls_window_{0}, callbacks_window_{0};
    std::map<std::string, Calls> calls_;  ///< by portal
    alerts::CallWindow<1> callbacks_{std::chrono::hours(1)};
};

}  // namespace b24gate::notify
