// Sends the callbacks that are due: takes them from the store, looks where their hosts are, and writes down what the
// receivers said. At least once: what could not be written down is sent again, under the same id. Its coroutines run on
// one worker.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <b24gate/config/config.hpp>
#include <b24gate/net/sleep.hpp>
#include <b24gate/net/tls.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/operations/callback_lanes.hpp>
#include <b24gate/operations/callback_url.hpp>
#include <b24gate/operations/sealing.hpp>
#include <b24gate/storage/operation_store.hpp>
#include <b24gate/upstream/resolver.hpp>

namespace b24gate::gateway {

class CallbackSender {
public:
    /// All of these must outlive the sender, and the worker stand still before it goes.
    CallbackSender(net::Worker& worker, storage::OperationStore& store, observe::Log& log,
                   observe::GateMetrics& metrics);

    // Any thread.
    /// Before `start`, and after each reload.
    void use(std::shared_ptr<const config::Config> config);
    void start();  ///< once
    /// There may be a callback to send: somebody has just ended an operation. Without it the store is asked each
    /// second.
    void wake();
    /// Takes no more, gives back what waits. What is under way ends by itself within its time.
    void stop();
    /// Something is under way, or is being written down.
    [[nodiscard]] bool busy() const noexcept { return busy_.load(std::memory_order_relaxed) != 0; }

    /// After the worker's thread has ended and before the worker goes.
    void close();

private:
    struct Job {
        storage::DueCallback due;
        operations::CallbackUrl url;
        core::TimePoint lease_end;
    };
    /// What became of a sending.
    struct Sent {
        unsigned status = 0;
        std::optional<std::chrono::seconds> retry_after;
        std::string trouble;  ///< in words, where there is no status; no secret
        bool forbidden = false;
    };

    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> pause(core::Duration length, bool wakeable);
    boost::asio::awaitable<std::optional<std::size_t>> take();
    void dispatch(storage::DueCallback due, core::TimePoint lease_end);
    boost::asio::awaitable<void> deliver(std::int64_t number);
    boost::asio::awaitable<Sent> send(const Job& job);
    boost::asio::awaitable<void> judge(storage::DueCallback due, std::string origin, Sent sent,
                                       core::TimePoint lease_end);
    boost::asio::awaitable<void> postpone(storage::DueCallback due, std::chrono::milliseconds pause,
                                          core::TimePoint lease_end);
    boost::asio::awaitable<void> write_down(std::int64_t number, std::int64_t fence, storage::CallbackEnd end,
                                            core::TimePoint lease_end);
    void count(std::string_view result) { metrics_.callbacks.with({result}).add(); }

    net::Worker& worker_;
    storage::OperationStore& store_;
    observe::Log& log_;
    observe::GateMetrics& metrics_;
    const std::string owner_;
    boost::asio::thread_pool askers_{4};  ///< for names: one that is answered slowly holds up no other one
    upstream::Resolver resolver_;
    std::atomic<int> busy_{0};
    std::atomic<bool> waking_{false};

    // The worker's.
    std::shared_ptr<const config::Config> config_;
    operations::OperationVault vault_;
    std::shared_ptr<net::TlsClientContext> tls_;
    operations::CallbackLanes lanes_;
    std::unordered_map<std::int64_t, Job> jobs_;  ///< that the lanes hold
    net::Sleep* sleep_ = nullptr;
    bool wakeable_ = false;  ///< the sleep ends where there may be a callback
    bool woken_ = false;     ///< while there was no such sleep
    bool stopping_ = false;
};

}  // namespace b24gate::gateway
