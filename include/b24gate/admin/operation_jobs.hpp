// Plans that wait for somebody to say yes, and jobs that carry them out behind the back of whoever did. They live in
// this process: a plan is good where it was made, and a stop ends a job between two operations. Any thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/admin/operation_clerk.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::admin {

/// An action on many operations under way.
struct OperationJob {
    enum class State { running, finished, cancelled, failed };

    const std::string id;
    const BulkAction action;
    const std::string actor, reason, filter;
    const std::size_t total;
    const storage::UnixMs started;
    std::atomic<std::size_t> done{0};     ///< carried out
    std::atomic<std::size_t> skipped{0};  ///< stood otherwise by then than when the plan was made
    std::atomic<bool> cancel{false};

    OperationJob(std::string job, const Plan& plan, std::string who, std::string why, storage::UnixMs now)
        : id(std::move(job)),
          action(plan.action),
          actor(std::move(who)),
          reason(std::move(why)),
          filter(to_query_string(plan.query)),
          total(plan.operations.size()),
          started(now) {}

    void end(State state, storage::UnixMs now, std::string error = {});
    [[nodiscard]] State state() const;
    [[nodiscard]] boost::json::object json() const;

private:
    mutable std::mutex mutex_;
    State state_ = State::running;
    storage::UnixMs ended_ = 0;
    std::string error_;
};

class OperationJobs {
public:
    struct Limits {
        std::size_t plans = 16;  ///< that wait; the oldest goes first
        core::Duration lifetime = std::chrono::minutes(10);
        std::size_t running = 2;
        std::size_t remembered = 50;  ///< jobs that have ended
    };
    OperationJobs() : limits_{} {}
    explicit OperationJobs(const Limits& limits) : limits_(limits) {}

    void put(std::string token, std::shared_ptr<const Plan> plan, core::TimePoint now);
    /// Once; null: there is none of that name, or it is too old, or it is another action's.
    [[nodiscard]] std::shared_ptr<const Plan> take(std::string_view token, BulkAction action, core::TimePoint now);

    /// False: enough run already, or the process stops.
    [[nodiscard]] bool add(std::shared_ptr<OperationJob> job);
    [[nodiscard]] std::shared_ptr<OperationJob> find(std::string_view id) const;
    [[nodiscard]] std::vector<std::shared_ptr<OperationJob>> all() const;  ///< the newest first
    [[nodiscard]] core::Duration lifetime() const noexcept { return limits_.lifetime; }

    /// No more jobs; those that run end as cancelled.
    void close();

private:
    struct Waiting {
        std::string token;
        std::shared_ptr<const Plan> plan;
        core::TimePoint until;
    };
    const Limits limits_;
    mutable std::mutex mutex_;
    std::list<Waiting> plans_;
    std::list<std::shared_ptr<OperationJob>> jobs_;  ///< the newest first
    bool closed_ = false;
};

/// Carries the plan out, one operation after the other, the oldest first. `changed` is told the portal of each that
/// was; `rules` are asked anew for each.
boost::asio::awaitable<void> run_job(OperationClerk clerk, std::shared_ptr<OperationJob> job,
                                     std::shared_ptr<const Plan> plan, std::function<operations::Rules()> rules,
                                     std::function<void(const std::string& portal)> changed);

}  // namespace b24gate::admin
