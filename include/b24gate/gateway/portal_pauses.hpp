// Portals that a person has paused: their calls are refused at once, their operations wait. Kept in the store, so that
// a pause outlives a restart and holds for every gateway; each looks there every two seconds. Any thread.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/storage/store.hpp>

namespace b24gate::gateway {

class PortalPauses {
public:
    /// `worker` runs the looking; all three must outlive this object.
    PortalPauses(net::Worker& worker, storage::Store& store, observe::Log& log);

    /// The portals of this configuration from now on. One that is taken out and put in again is still paused.
    void use(const Snapshot& snapshot);
    /// Reads the store: at the start, behind use() and before the first call.
    boost::asio::awaitable<storage::Result<storage::Done>> load();
    /// Goes on reading it. Once.
    void start();

    /// In the store when it answers. Pausing what is paused changes who did it and why.
    boost::asio::awaitable<storage::Result<storage::Done>> pause(std::string portal, std::string actor,
                                                                 std::string reason, core::Deadline deadline);
    /// False: it was not paused.
    boost::asio::awaitable<storage::Result<bool>> resume(std::string portal, core::Deadline deadline);
    [[nodiscard]] std::optional<storage::PauseRecord> find(std::string_view portal) const;

private:
    boost::asio::awaitable<void> poll();
    void apply(std::vector<storage::PauseRecord> records);
    void settle();

    net::Worker& worker_;
    storage::Store& store_;
    observe::Log& log_;
    mutable std::mutex mutex_;  ///< guards what follows
    std::map<std::string, std::shared_ptr<Portal>, std::less<>> portals_;
    std::map<std::string, storage::PauseRecord, std::less<>> paused_;
};

}  // namespace b24gate::gateway
