// What the admin ports of all workers have in common. Made before the workers run, and there until they have ended;
// what stands in it may be used from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <b24gate/access/key_guard.hpp>
#include <b24gate/admin/minutes.hpp>
#include <b24gate/admin/operation_jobs.hpp>
#include <b24gate/admin/sessions.hpp>
#include <b24gate/alerts/delivery.hpp>
#include <b24gate/alerts/engine.hpp>
#include <b24gate/gateway/portal_pauses.hpp>
#include <b24gate/observe/health.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/observe/metrics.hpp>
#include <b24gate/observe/recent_errors.hpp>
#include <b24gate/storage/store.hpp>

namespace b24gate::admin {

struct ReloadReport {
    bool ok = false;
    std::vector<std::string> errors;  ///< one sentence each; the old config runs on
    std::vector<std::string> warnings;
};

/// Asks for a reload; the callback is called once, on any thread.
using Reload = std::function<void(std::function<void(ReloadReport)>)>;

/// What became of a test; nullopt: there is no such channel.
using ChannelTested = std::function<void(std::optional<alerts::Delivery>)>;

/// Slows down who tries keys at this port.
struct WrongKeys {
    std::mutex mutex;
    access::KeyGuard guard{
        access::KeyGuard::Limits{.free = 5, .step = std::chrono::milliseconds(500), .most = std::chrono::seconds(8)}};
    std::atomic<unsigned> waiting{0};         ///< refusals that are held back now
    std::atomic<std::int64_t> last_audit{0};  ///< Unix milliseconds
};

struct AdminShared {
    storage::Store& store;
    observe::Log& log;
    const observe::Registry& registry;
    const observe::Health& health;
    gateway::PortalPauses& pauses;
    observe::RecentErrors& errors;
    const Reload reload;

    AdminShared(storage::Store& s, observe::Log& l, const observe::Registry& r, const observe::Health& h,
                gateway::PortalPauses& p, observe::RecentErrors& e, Reload on_reload)
        : store(s), log(l), registry(r), health(h), pauses(p), errors(e), reload(std::move(on_reload)) {}

    /// Operations of a portal can run that could not before.
    std::function<void(const std::string& portal)> operations_changed = [](const std::string&) {};
    /// What this gateway alone knows of.
    std::function<std::vector<alerts::Alert>()> own_alerts = [] { return std::vector<alerts::Alert>(); };
    /// The answer is told once, on any thread.
    std::function<void(std::string channel, ChannelTested done)> test_channel =
        [](const std::string&, const ChannelTested& done) { done(std::nullopt); };
    std::shared_ptr<OperationJobs> jobs = std::make_shared<OperationJobs>();

    Sessions sessions;
    WrongKeys wrong_keys;
    Minutes minutes;
    const std::int64_t started = core::unix_ms();
    std::atomic<bool> stopping{false};
    std::atomic<unsigned> listeners{0};  ///< to events

    /// Called several times a minute.
    void sample(const gateway::Snapshot& snapshot);
    /// The process stops: nothing that was begun here goes on for long.
    void stop() {
        stopping = true;
        jobs->close();
    }
};

}  // namespace b24gate::admin
