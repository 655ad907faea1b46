#include <b24gate/admin/operation_clerk.hpp>

#include <chrono>
#include <utility>

#include <b24gate/operations/state_machine.hpp>

namespace b24gate::admin {
namespace {

namespace asio = boost::asio;
using core::Clock;
using operations::Event;
using storage::OperationState;

/// How long one page may go through what does not fit: long searches are asked for page by page.
constexpr auto page_patience = std::chrono::milliseconds(250);
constexpr auto plan_patience = std::chrono::seconds(20);

Event event_of(BulkAction action) {
    Event event;
    event.kind = action == BulkAction::retry ? Event::Kind::retry : Event::Kind::discard;
    return event;
}

bool stands_as(const storage::OperationRecord& record, const Planned& seen) noexcept {
    return record.state == seen.state && record.generation == seen.generation && record.fence == seen.fence;
}

}  // namespace

asio::awaitable<storage::Result<OperationClerk::Page>> OperationClerk::page(OperationQuery query,
                                                                            core::Deadline deadline) const {
    PageMerge merge(query);
    Page out;
    const auto enough = Clock::now() + page_patience;
    for (std::size_t reads = 0;; ++reads) {
        const auto way = merge.wanted();
        if (!way) break;
        if (reads >= merge.ways() && Clock::now() >= enough) {
            out.hurried = true;
            break;
        }
        auto filter = merge.filter(*way);
        auto found = co_await store_.list(std::move(filter), deadline);
        if (!found) co_return std::move(found).error();
        out.now = found->now;
        merge.add(*way, std::move(*found));
    }
    out.page = merge.take();
    co_return out;
}

asio::awaitable<storage::Result<OperationClerk::Verdict>> OperationClerk::act(Order order, operations::Rules rules,
                                                                              core::Deadline deadline) const {
    using Kind = Verdict::Kind;
    Verdict out;
    auto found = co_await store_.find(order.id, deadline);
    if (!found) co_return std::move(found).error();
    if (!*found) {
        out.kind = Kind::missing;
        co_return out;
    }
    const storage::OperationRecord record = *std::move(*found);
    out.portal = record.portal;
    if (order.seen && !stands_as(record, *order.seen)) {
        out.kind = Kind::changed;
        co_return out;
    }
    const auto decision =
        operations::transition(operations::facts_of(record), event_of(order.action), core::unix_ms(), rules);
    if (!decision) {
        out.kind = Kind::refused;
        out.why = decision.error().why;
        co_return out;
    }
    storage::Result<bool> written = false;
    if (order.action == BulkAction::retry) {
        storage::Retry retry;
        retry.id = record.id;
        retry.order = record.order;
        retry.generation = record.generation;
        retry.as_bulk = order.as_bulk;
        retry.actor = std::move(order.actor);
        retry.reason = std::move(order.reason);
        written = co_await store_.retry(std::move(retry), deadline);
    } else {
        storage::Discard discard;
        discard.id = record.id;
        discard.order = record.order;
        discard.seen = record.state;
        discard.fence = record.fence;
        discard.unblock_due = decision->unblock_due;
        discard.actor = std::move(order.actor);
        discard.reason = std::move(order.reason);
        written = co_await store_.discard(std::move(discard), deadline);
    }
    if (!written) co_return std::move(written).error();
    if (!*written) out.kind = Kind::changed;
    co_return out;
}

asio::awaitable<storage::Result<Plan>> OperationClerk::plan(BulkAction action, OperationQuery query,
                                                            core::Deadline deadline) const {
    Plan out;
    out.action = action;
    out.query = query;
    // Held ones that fit are counted also when they stay out: who asks for all should know.
    const bool held_too = query.wants(OperationState::held);
    if (!held_too) query.states.push_back(OperationState::held);
    query.limit = most_operations_a_page;
    query.before = 0;
    const auto enough = Clock::now() + plan_patience;
    for (;;) {
        auto found = co_await page(query, deadline);
        if (!found) co_return std::move(found).error();
        for (const storage::OperationRecord& record : found->page.operations) {
            if (record.state == OperationState::held && !held_too)
                ++out.held_left_out;
            else if (out.operations.size() < Plan::most)
                out.add(record);
            else
                out.complete = false;
        }
        query.before = found->page.next;
        if (query.before == 0) break;
        if (!out.complete || Clock::now() >= enough) {
            out.complete = false;
            break;
        }
    }
    out.finish();
    co_return out;
}

}  // namespace b24gate::admin
