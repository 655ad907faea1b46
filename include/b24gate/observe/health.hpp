// Live, ready, draining, and why: what /healthz and /readyz say. State is set by whoever knows it and read by any
// thread; only the list of portals takes a lock.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace b24gate::observe {

/// Listed, but no reason to be unready: the other portals go on.
enum class PortalState { ok, overload, needs_reauth, unreachable, gone, paused };
[[nodiscard]] std::string_view to_string(PortalState) noexcept;

class PortalHealth {
public:
    void set(PortalState state) noexcept { state_.store(state, std::memory_order_relaxed); }
    [[nodiscard]] PortalState state() const noexcept { return state_.load(std::memory_order_relaxed); }

private:
    std::atomic<PortalState> state_{PortalState::ok};
};

struct HealthAnswer {
    unsigned status = 200;
    std::string body;  ///< JSON
};

class Health {
public:
    void started() noexcept { started_.store(true, std::memory_order_release); }
    /// For good: a process that drains never serves again.
    void drain() noexcept { draining_.store(true, std::memory_order_release); }
    [[nodiscard]] bool draining() const noexcept { return draining_.load(std::memory_order_acquire); }
    void store_usable(bool usable) noexcept { store_usable_.store(usable, std::memory_order_release); }

    /// The portals that are listed from now on; those that stay keep their state.
    void portals(const std::vector<std::string>& names);
    /// Null when it is not listed.
    [[nodiscard]] std::shared_ptr<PortalHealth> portal(std::string_view name) const;

    [[nodiscard]] bool ready() const noexcept;
    /// /healthz: the process serves.
    [[nodiscard]] HealthAnswer live() const;
    /// /readyz: 200, or 503 with the reasons: starting, draining, store.
    [[nodiscard]] HealthAnswer readiness() const;

private:
    std::atomic<bool> started_{false}, draining_{false}, store_usable_{true};
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<PortalHealth>, std::less<>> portals_;
};

}  // namespace b24gate::observe
