#include <b24gate/gateway/portal_places.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <optional>
#include <utility>

#include <b24gate/net/sleep.hpp>
#include <b24gate/tokens/token_request.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using core::Clock;
using observe::Level;
using upstream::Target;

constexpr core::Duration store_patience = std::chrono::seconds(5);
constexpr core::Duration store_retry = std::chrono::seconds(5);

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

}  // namespace

std::string url_of(const Target& target) { return target.origin + target.base_path; }

boost::system::result<Target, std::string> place_of(const Target& configured, std::string_view url,
                                                    const std::vector<std::string>& redirect_hosts) {
    auto told = upstream::parse_target(url);
    if (!told) return told.error();
    if (*told == configured) return configured;
    // The rules for where credentials may follow stand in one place; REST calls are what goes there.
    return upstream::renamed_target(configured, url_of(*told) + "/rest/", configured.base_path + "/rest/",
                                    redirect_hosts);
}

PortalPlaces::PortalPlaces(net::Worker& worker, storage::Store& store, observe::Log& log)
    : worker_(worker), store_(store), log_(log) {}

void PortalPlaces::use(const Snapshot& snapshot) {
    const std::lock_guard lock(mutex_);
    std::erase_if(places_, [&](const auto& entry) { return !snapshot.portals.contains(entry.first); });
    for (const auto& [name, runtime] : snapshot.portals) {
        const auto configured = upstream::parse_target(runtime.config->url);
        if (!configured) continue;
        Place& place = places_[name];
        if (place.configured != *configured) {
            place = Place{};
            place.configured = *configured;
            place.record.portal = name;
            place.record.configured_url = url_of(*configured);
        }
        place.redirect_hosts = runtime.config->redirect_hosts;
        if (place.portal == runtime.portal) continue;
        place.portal = runtime.portal;
        place.portal->when_moved([this, portal = name](const Target& target) { moved(portal, target); });
        place.portal->when_keyed([this, portal = name] { keyed(portal); });
    }
}

asio::awaitable<storage::Result<storage::Done>> PortalPlaces::load() {
    const auto listed = co_await store_.list_portals(patience());
    if (!listed) co_return listed.error();
    std::vector<std::pair<std::shared_ptr<Portal>, Target>> moves;
    {
        const std::lock_guard lock(mutex_);
        for (const storage::PortalRecord& record : *listed) {
            const auto found = places_.find(record.portal);
            // The operator's word is newer than what was learnt of another address.
            if (found == places_.end() || record.configured_url != found->second.record.configured_url) continue;
            Place& place = found->second;
            place.record = record;
            if (record.keeps_keys) place.portal->keeps_idempotency_keys();
            if (record.url.empty()) continue;
            auto target = place_of(place.configured, record.url, place.redirect_hosts);
            if (target)
                moves.emplace_back(place.portal, *std::move(target));
            else
                place.record.url.clear();
        }
    }
    for (const auto& [portal, target] : moves) portal->move_to(target);
    co_return storage::Done{};
}

void PortalPlaces::adopted(const storage::CredentialRecord& record) {
    std::shared_ptr<Portal> portal;
    std::optional<Target> target;
    std::string refused;
    {
        const std::lock_guard lock(mutex_);
        const auto found = places_.find(record.portal);
        if (found == places_.end()) return;
        Place& place = found->second;
        if (!record.member_id.empty() && record.member_id != place.record.member_id) {
            place.record.member_id = record.member_id;
            touch(record.portal, place);
        }
        std::string& last = place.endpoints[record.credential];
        const std::string before = std::exchange(last, record.client_endpoint);
        // What stood there at the start may be older than a move that the portal itself has told since.
        if (before.empty() || before == last || record.refreshed_at == 0) return;
        portal = place.portal;
        const auto url = tokens::portal_url_of(last, !place.configured.tls);
        const auto to = url ? place_of(place.configured, *url, place.redirect_hosts)
                            : boost::system::result<Target, std::string>(std::string("it is no portal's address"));
        if (to)
            target = *to;
        else
            refused = to.error();
    }
    if (!target) {
        log_.event(Level::warn, "client_endpoint_refused",
                   {{"portal", record.portal}, {"credential", record.credential}, {"reason", refused}});
        return;
    }
    const Target from = portal->location().target;
    if (portal->move_to(*target))
        log_.event(Level::warn, "portal_renamed",
                   {{"portal", record.portal}, {"from", from.origin}, {"to", target->origin}});
}

std::string PortalPlaces::member_id(std::string_view portal) const {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(portal);
    return found == places_.end() ? std::string() : found->second.record.member_id;
}

void PortalPlaces::moved(const std::string& portal, const Target& target) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(portal);
    if (found == places_.end()) return;
    Place& place = found->second;
    std::string url = target == place.configured ? std::string() : url_of(target);
    if (url == place.record.url) return;
    place.record.url = std::move(url);
    touch(portal, place);
}

void PortalPlaces::keyed(const std::string& portal) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(portal);
    if (found == places_.end()) return;
    found->second.record.keeps_keys = true;
    touch(portal, found->second);
}

/// With the mutex held: it is to be written down.
void PortalPlaces::touch(const std::string& portal, Place& place) {
    place.dirty = true;
    if (std::exchange(place.saving, true)) return;
    asio::post(worker_.io, [this, portal] { asio::co_spawn(worker_.io, save(portal), asio::detached); });
}

asio::awaitable<void> PortalPlaces::save(std::string portal) {
    for (;;) {
        storage::PortalRecord record;
        {
            const std::lock_guard lock(mutex_);
            const auto found = places_.find(portal);
            if (found == places_.end()) co_return;
            if (!std::exchange(found->second.dirty, false)) {
                found->second.saving = false;
                co_return;
            }
            record = found->second.record;
        }
        const auto written = co_await store_.put_portal(std::move(record), patience());
        if (written) continue;
        log_.event(Level::warn, "store_failed", {{"what", "put_portal"}, {"error", written.error().message}});
        net::Sleep sleep(worker_, Clock::now() + store_retry);
        co_await sleep.wait();
        const std::lock_guard lock(mutex_);
        if (const auto found = places_.find(portal); found != places_.end()) found->second.dirty = true;
    }
}

}  // namespace b24gate::gateway
