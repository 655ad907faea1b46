// Where calls are handed over for good: bounds, sealing, the store, and what stands under an Idempotency-Key. Any
// thread; one for the process.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/gateway/call_run.hpp>
#include <b24gate/gateway/operation_wish.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/operations/sealing.hpp>
#include <b24gate/server/message.hpp>
#include <b24gate/storage/operation_store.hpp>

namespace b24gate::gateway {

/// The call is in the store.
struct TakenOver {
    std::string id;
    storage::OperationState state = storage::OperationState::queued;
};

class OperationDesk {
public:
    /// `instance` names this process in the store. Store, log and metrics must outlive the desk.
    OperationDesk(storage::Store& store, observe::Log& log, observe::GateMetrics& metrics, std::string instance);

    /// The configuration from now on.
    void use(std::shared_ptr<const config::Config> config);
    /// `told` is called behind every hand-over, on any thread: something is due at that portal.
    void when_taken(std::function<void(std::string_view portal, storage::UnixMs due)> told) {
        taken_ = std::move(told);
    }
    /// What the bounds are measured with; the worker tells each second or so.
    void looked(const std::vector<storage::OperationCount>& counts, bool room_on_disk);

    [[nodiscard]] const std::string& instance() const noexcept { return instance_; }
    [[nodiscard]] storage::OperationStore& store() const noexcept { return store_; }
    /// Not usable where no encryption key is configured: then nothing can be kept.
    [[nodiscard]] std::shared_ptr<const operations::OperationVault> vault() const;

    // --- hand-over ------------------------------------------------------------------------------------------------
    using HandOverVerdict = std::variant<TakenOver, bitrix::Outcome>;
    /// `id`: of uuid_v7. `failed`: the call was tried at once, and this came of it. `key_holder`: the name under which
    /// that try holds the Idempotency-Key. An Outcome with executed `unknown` says that it may have been taken.
    boost::asio::awaitable<HandOverVerdict> hand_over(const CallOrder& order, const OperationWish& wish, std::string id,
                                                      const CallReport* failed, std::string key_holder);
    /// Whether a call that failed so would be taken over: its trouble is a passing one.
    [[nodiscard]] static bool is_passing(const CallOrder& order, const CallReport& failed);

    // --- Idempotency-Key of a call that is answered at once ---------------------------------------------------------
    struct Fresh {};  ///< the key is the caller's now, who has to end it
    using KeyVerdict = std::variant<Fresh, server::Response, TakenOver, bitrix::Outcome>;
    /// Waits while the same call is under way, until the order's deadline. `holder` names this call. A response is the
    /// first answer once more, without the gateway's own fields.
    boost::asio::awaitable<KeyVerdict> begin_key(const CallOrder& order, const OperationWish& wish, std::string holder);
    /// `answer` is kept for the next one with the key, or the key is forgotten where the call was not carried out.
    boost::asio::awaitable<void> end_key(const CallOrder& order, const OperationWish& wish, std::string holder,
                                         const bitrix::Outcome& outcome, const server::Response& answer);

private:
    [[nodiscard]] std::shared_ptr<const config::Config> config() const;
    [[nodiscard]] std::optional<bitrix::Outcome> refused(const CallOrder& order, const config::Operations& rules) const;
    void count(const std::string& client);
    [[nodiscard]] bool owner_is_dead(const storage::KeyRecord& key, storage::UnixMs now) const;

    storage::OperationStore& store_;
    observe::Log& log_;
    observe::GateMetrics& metrics_;
    const std::string instance_;
    std::function<void(std::string_view, storage::UnixMs)> taken_ = [](std::string_view, storage::UnixMs) {};
    std::atomic<bool> room_on_disk_{true};

    mutable std::mutex mutex_;  ///< guards what follows
    std::shared_ptr<const config::Config> config_;
    std::shared_ptr<const operations::OperationVault> vault_ = std::make_shared<const operations::OperationVault>();
    std::map<std::string, std::uint64_t, std::less<>> unfinished_;  ///< by client
    std::uint64_t unfinished_in_all_ = 0;
};

}  // namespace b24gate::gateway
