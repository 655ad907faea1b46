// Where the portals are and who they are, kept over a restart: a portal that was renamed is called at its new address
// at once, with everything that is known of it. What is told here is written to the store behind the back of whoever
// tells it. Any thread, unless a member says otherwise.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/gateway/snapshot.hpp>
#include <b24gate/net/worker.hpp>
#include <b24gate/observe/log.hpp>
#include <b24gate/storage/store.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::gateway {

/// Where the portal configured as `configured` is, by a URL of it that somebody has told: its own address, or one that
/// a renamed portal may have (see upstream::renamed_target). The error is a sentence. Pure.
[[nodiscard]] boost::system::result<upstream::Target, std::string> place_of(
    const upstream::Target& configured, std::string_view url, const std::vector<std::string>& redirect_hosts);

/// As it stands in the store and in the configuration. Pure.
[[nodiscard]] std::string url_of(const upstream::Target& target);

class PortalPlaces {
public:
    /// `worker` runs the writing; all three must outlive this object, and it must outlive the calls to its portals.
    PortalPlaces(net::Worker& worker, storage::Store& store, observe::Log& log);

    /// The portals of this configuration from now on. What was learnt of one whose address was changed there is
    /// dropped.
    void use(const Snapshot& snapshot);
    /// At the start, behind use() and before the first call: sends the portals to where they were last.
    boost::asio::awaitable<storage::Result<storage::Done>> load();

    /// A credential's record has come into use: its member_id is the portal's. Its client_endpoint is followed when the
    /// authorization server has told it in a refresh, and it is another one than before.
    void adopted(const storage::CredentialRecord& record);
    /// As last told for the configured address; empty: not known.
    [[nodiscard]] std::string member_id(std::string_view portal) const;

private:
    struct Place {
        std::shared_ptr<Portal> portal;
        upstream::Target configured;
        std::vector<std::string> redirect_hosts;
        storage::PortalRecord record;
        std::map<std::string, std::string> endpoints;  ///< by credential: what its record said last
        bool dirty = false, saving = false;
    };

    void moved(const std::string& portal, const upstream::Target& target);
    void keyed(const std::string& portal);
    void touch(const std::string& portal, Place& place);
    boost::asio::awaitable<void> save(std::string portal);

    net::Worker& worker_;
    storage::Store& store_;
    observe::Log& log_;
    mutable std::mutex mutex_;  ///< guards what follows; held over no call of a portal
    std::map<std::string, Place, std::less<>> places_;
};

}  // namespace b24gate::gateway
