#include <b24gate/gateway/attempt_ledger.hpp>

#include <utility>

namespace b24gate::gateway {
namespace {

/// A call that has got its turn holds it meanwhile; and what was written too late is not sent (see the ledger).
constexpr auto patience = std::chrono::seconds(5);

}  // namespace

boost::asio::awaitable<std::vector<bool>> write_down(std::vector<std::shared_ptr<AttemptLedger>> departing,
                                                     std::string batch_id) {
    std::vector<storage::Intent> intents;
    for (const auto& ledger : departing) {
        intents.push_back(ledger->intent());
        intents.back().batch_id = batch_id;
    }
    const core::Deadline deadline{core::Clock::now() + patience};
    const auto intended = co_await departing.front()->store().record_intent(std::move(intents), deadline);
    std::vector<bool> may_leave;
    for (std::size_t i = 0; i < departing.size(); ++i)
        may_leave.push_back(departing[i]->written(intended ? std::optional(intended->at(i)) : std::nullopt));
    co_return may_leave;
}

}  // namespace b24gate::gateway
