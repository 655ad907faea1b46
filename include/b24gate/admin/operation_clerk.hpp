// What people do with operations: look at them, begin them anew, give them up. The same for the admin port and for the
// shell; the rules are those of operations/state_machine, the writing is the store's. Any thread.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>

#include <b24gate/admin/operation_plan.hpp>
#include <b24gate/admin/operation_query.hpp>
#include <b24gate/operations/retry_schedule.hpp>
#include <b24gate/storage/operation_store.hpp>

namespace b24gate::admin {

class OperationClerk {
public:
    explicit OperationClerk(storage::OperationStore& store) : store_(store) {}
    template <class T>
    using Awaitable = boost::asio::awaitable<T>;

    [[nodiscard]] storage::OperationStore& store() const noexcept { return store_; }

    struct Page {
        PageMerge::Page page;
        storage::UnixMs now = 0;
        bool hurried = false;  ///< the search was broken off to give the store a rest: more may come behind `next`
    };
    Awaitable<storage::Result<Page>> page(OperationQuery query, core::Deadline deadline) const;

    struct Order {
        BulkAction action = BulkAction::retry;
        std::string id, actor, reason;
        bool as_bulk = false;
        std::optional<Planned> seen;  ///< only while it still stands like this

        Order() = default;  // no aggregate: see CONTRIBUTING.md on what g++ 12 does to those beside a co_await
    };
    struct Verdict {
        enum class Kind { done, missing, refused, changed };
        Kind kind = Kind::done;
        std::string why;     ///< of refused: a sentence
        std::string portal;  ///< of the operation
    };
    Awaitable<storage::Result<Verdict>> act(Order order, operations::Rules rules, core::Deadline deadline) const;

    /// Everything that fits the query and that the action could be done to, as it stands now.
    Awaitable<storage::Result<Plan>> plan(BulkAction action, OperationQuery query, core::Deadline deadline) const;

private:
    storage::OperationStore& store_;
};

}  // namespace b24gate::admin
