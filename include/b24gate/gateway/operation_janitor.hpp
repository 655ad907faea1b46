// Keeps the operations in the store tidy: drops what has ended long ago, lets go what was left behind a gone order key,
// and shows how many there are. Every gateway does it; they do not get into each other's way. On one worker.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <set>
#include <string>
#include <utility>

#include <b24gate/config/config.hpp>
#include <b24gate/net/sleep.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/observe/gate_metrics.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/storage/operation_store.hpp>

namespace b24gate::gateway {

class OperationJanitor {
public:
    /// All of these must outlive the janitor, and the worker stand still before it goes.
    OperationJanitor(net::Worker& worker, storage::OperationStore& store, observe::Log& log,
                     observe::GateMetrics& metrics);

    // Any thread.
    /// Before `start`, and after each reload.
    void use(std::shared_ptr<const config::Config> config);
    void start();  ///< once
    void stop();

private:
    boost::asio::awaitable<void> run();
    boost::asio::awaitable<bool> pause(core::Duration length);
    boost::asio::awaitable<void> show_counts();
    boost::asio::awaitable<void> show_oldest();
    boost::asio::awaitable<bool> clean_up();
    boost::asio::awaitable<void> unblock();
    void store_failed(std::string_view what, const storage::Failure& failure);

    net::Worker& worker_;
    storage::OperationStore& store_;
    observe::Log& log_;
    observe::GateMetrics& metrics_;

    // The worker's.
    std::shared_ptr<const config::Config> config_;
    std::set<std::string> shown_;  ///< portals that have gauges
    net::Sleep* sleep_ = nullptr;
    bool stopping_ = false;
};

}  // namespace b24gate::gateway
