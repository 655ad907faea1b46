// Sees to it that operations are done: leases what is due, portal by portal, hands it to the portals' workers, keeps
// the leases alive, takes over from gateways that have died. Its own loop runs on one worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/gateway/operation_desk.hpp>
#include <b24gate/gateway/operation_run.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/net/sleep.hpp>
#include <b24gate/net/worker.hpp>

namespace b24gate::gateway {

class OperationWorker {
public:
    /// `home` runs the loops; `on` finds the worker that serves a portal.
    struct Parts {
        net::Worker& home;
        OperationDesk& desk;
        observe::Log& log;
        observe::GateMetrics& metrics;
        std::function<WorkerState&(std::string_view portal)> on;
        std::function<void()> callback_due;
    };
    explicit OperationWorker(Parts parts);

    /// Any thread; before start() and at every reload.
    void use(std::shared_ptr<const Snapshot> snapshot);
    /// Once.
    void start();
    /// No more leases; what waits for its turn is given back, what is under way may end. Any thread.
    void drain();
    /// Operations are under way here. Any thread.
    [[nodiscard]] bool busy() const noexcept { return in_hand_in_all_ != 0; }

    /// Something is or will be due at a portal. Any thread.
    void due(std::string_view portal, storage::UnixMs when);
    /// What waits for it may go on. Any thread.
    void credential_changed(std::string portal, std::string credential);

private:
    struct AtPortal {
        core::TimePoint look_at{};  ///< when the store is to be asked next
        core::TimePoint hold_until{};
        unsigned in_hand = 0;
    };
    struct Held {
        std::shared_ptr<OperationRun> run;
        std::shared_ptr<LeaseClock> lease;
        net::Worker* worker;
        std::int64_t fence;
    };

    boost::asio::awaitable<void> serve();
    boost::asio::awaitable<bool> serve_portal(const std::string& portal, const PortalRuntime& runtime);
    [[nodiscard]] core::TimePoint next_look(const std::string& portal, const PortalRuntime& runtime);
    void wake_up();
    boost::asio::awaitable<void> keep_alive();
    boost::asio::awaitable<void> recover();
    boost::asio::awaitable<void> renew();
    boost::asio::awaitable<void> watch_credentials();
    boost::asio::awaitable<void> wake(std::string portal, std::string credential);
    boost::asio::awaitable<bool> probe(std::string portal, const config::Credential& credential,
                                       std::shared_ptr<const Snapshot> snapshot);
    boost::asio::awaitable<bool> ask_for_the_time(WorkerState& worker, std::shared_ptr<const Snapshot> snapshot,
                                                  const PortalRuntime& portal, const config::Credential& credential);
    boost::asio::awaitable<void> look_at_bounds();
    boost::asio::awaitable<void> pause(core::Duration how_long);

    void begin(storage::OperationRecord record, storage::UnixMs store_now, core::TimePoint asked, bool lost);
    void done(const OperationRun& run);
    void look(std::string_view portal, core::TimePoint when);
    [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
    [[nodiscard]] unsigned room(const PortalRuntime& portal) const;

    Parts parts_;
    OperationTools tools_;
    std::atomic<std::int64_t> in_hand_in_all_{0};
    std::atomic<bool> look_at_credentials_{false};

    mutable std::mutex mutex_;  ///< guards what follows
    std::shared_ptr<const Snapshot> snapshot_;
    std::map<std::string, AtPortal, std::less<>> portals_;
    std::map<std::string, Held> held_;  ///< by operation
    net::Sleep* sleep_ = nullptr;       ///< of serve(), while it sleeps
    bool woken_ = false;                ///< there may be something new since serve() has looked
};

}  // namespace b24gate::gateway
