// An attempt that has to be written down before its bytes leave: what a call of an operation brings with it on its way.
// Whoever sends the call, alone or in a batch with others, asks for it; without a written intent nothing is sent.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <b24gate/storage/operation_store.hpp>

namespace b24gate::gateway {

/// Any thread.
class AttemptLedger {
public:
    virtual ~AttemptLedger() = default;

    [[nodiscard]] virtual storage::OperationStore& store() noexcept = 0;
    [[nodiscard]] virtual storage::Intent intent() const = 0;
    /// nullopt: the store does not say whether it is written. True: it is, and the call may be sent now.
    [[nodiscard]] virtual bool written(const std::optional<storage::Intended>& intended) = 0;
};

/// Writes the intents of calls that leave together, in one commit. For each: may it be sent? `batch_id`: what they
/// travel in; empty: one that goes alone.
boost::asio::awaitable<std::vector<bool>> write_down(std::vector<std::shared_ptr<AttemptLedger>> departing,
                                                     std::string batch_id);

}  // namespace b24gate::gateway
