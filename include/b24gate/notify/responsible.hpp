// Tells the people who are responsible for clients what a portal's rules have refused, by notices in that portal.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <memory>
#include <mutex>

#include <b24gate/alerts/business_errors.hpp>
#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/notify/channels.hpp>
#include <b24gate/observe/recent_errors.hpp>

namespace b24gate::notify {

class Responsible {
public:
    /// All must outlive it. `busy` counts what is under way.
    Responsible(net::Worker& worker, Channels& channels, observe::Log& log, observe::GateMetrics& metrics,
                std::atomic<int>& busy)
        : worker_(worker), channels_(channels), log_(log), metrics_(metrics), busy_(busy) {}

    // Any thread.
    void use(std::shared_ptr<const gateway::Snapshot> snapshot);
    /// A call has failed: whether somebody is responsible for it.
    void failed(const observe::RecentError& error);

    /// Begins to send what is due. On the worker's thread; waits for nothing.
    void tell();

private:
    boost::asio::awaitable<void> tell(std::shared_ptr<const config::Config> config, alerts::BusinessNote note);
    [[nodiscard]] std::shared_ptr<const gateway::Snapshot> snapshot() const;

    net::Worker& worker_;
    Channels& channels_;
    observe::Log& log_;
    observe::GateMetrics& metrics_;
    std::atomic<int>& busy_;
    alerts::BusinessErrors errors_;
    mutable std::mutex mutex_;  ///< guards the next one
    std::shared_ptr<const gateway::Snapshot> snapshot_;
};

}  // namespace b24gate::notify
