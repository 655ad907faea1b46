// One operation while this gateway holds its lease: its attempts, each written down before its bytes leave and again
// when it has ended, until the state machine lets the lease go. Belongs to one worker but for what says otherwise.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include <b24gate/gateway/call_run.hpp>
#include <b24gate/gateway/operation_desk.hpp>
#include <b24gate/gateway/own_call.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/gateway/worker_state.hpp>
#include <b24gate/operations/state_machine.hpp>
#include <b24gate/storage/operation_store.hpp>

namespace b24gate::gateway {

/// Until when a lease certainly holds, by our own clock: counted from before the store was asked. Any thread.
class LeaseClock {
public:
    explicit LeaseClock(core::TimePoint until) { prolong(until); }
    void prolong(core::TimePoint until) noexcept { until_ = until.time_since_epoch().count(); }
    /// The lease is another gateway's, as far as we know.
    void lose() noexcept { prolong(core::TimePoint::min()); }
    [[nodiscard]] bool holds_at(core::TimePoint moment) const noexcept {
        return moment.time_since_epoch().count() < until_.load();
    }

private:
    std::atomic<core::TimePoint::rep> until_{0};
};

/// What the runs of one gateway share. Any thread.
struct OperationTools {
    OperationDesk& desk;
    observe::Log& log;
    observe::GateMetrics& metrics;
    /// Something came of an operation that others wait for: the next one of its order key, a callback.
    std::function<void(std::string_view portal, storage::UnixMs due)> due;
    std::function<void()> callback_due;
    /// Nothing of that portal should be leased for so long.
    std::function<void(std::string_view portal, core::Duration)> hold;
    std::atomic<bool> stopping{false};
    std::atomic<std::uint64_t> bytes{0};  ///< of the calls that are under way
};

class OperationRun final : public std::enable_shared_from_this<OperationRun> {
public:
    /// `store_now`: the store's clock when the lease was given, now. `lost`: it was taken over from a gateway that
    /// died.
    OperationRun(OperationTools& tools, WorkerState& worker, storage::OperationRecord record, storage::UnixMs store_now,
                 std::shared_ptr<LeaseClock> lease, bool lost);
    ~OperationRun();

    /// Once. Never throws.
    boost::asio::awaitable<void> run();
    /// Gives it back if it still waits for its turn. On its worker.
    void recall();

    [[nodiscard]] const std::string& id() const noexcept { return record_.id; }
    [[nodiscard]] const std::string& portal() const noexcept { return record_.portal; }

private:
    class Ledger;
    struct Prepared;
    struct Verdict;

    boost::asio::awaitable<void> work();
    boost::asio::awaitable<bool> prepare();
    boost::asio::awaitable<bool> attempt();
    boost::asio::awaitable<bool> settle(CallReport& report);
    boost::asio::awaitable<bool> give_back(operations::Why why, core::Duration pause);
    boost::asio::awaitable<bool> decide(const operations::Event& event, Verdict verdict);
    boost::asio::awaitable<bool> doubtful();
    boost::asio::awaitable<void> tell_late(const operations::Event& event, storage::Finish finish);
    [[nodiscard]] operations::Event event_of(const CallReport& report) const;
    [[nodiscard]] Verdict verdict_of(CallReport& report, const CallOrder& order);
    [[nodiscard]] storage::Finish finish_of(const operations::Transition& next, Verdict& verdict) const;
    void apply(const operations::Transition& next, unsigned attempt);
    void ended(const operations::Transition& next, const Verdict& verdict);
    [[nodiscard]] storage::UnixMs store_now() const;
    [[nodiscard]] operations::Rules rules() const;
    boost::asio::awaitable<bool> pause(core::Duration how_long);

    OperationTools& tools_;
    WorkerState& worker_;
    storage::OperationRecord record_;
    const storage::UnixMs leased_at_;  ///< by the store's clock, which is `began_` by ours
    const core::TimePoint began_ = core::Clock::now();
    const std::shared_ptr<LeaseClock> lease_;
    const bool lost_;
    std::shared_ptr<const Snapshot> snapshot_;
    std::unique_ptr<Prepared> prepared_;
    std::shared_ptr<Ledger> ledger_;  ///< of the attempt that is being made
    std::unique_ptr<RecallableCaller> caller_;
    std::uint64_t bytes_ = 0;  ///< of the call, counted in the tools
    unsigned refreshes_ = 0;
    bool alone_ = false;  ///< a batch has set it down
};

}  // namespace b24gate::gateway
