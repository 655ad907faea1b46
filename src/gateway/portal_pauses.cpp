#include <b24gate/gateway/portal_pauses.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

#include <b24gate/net/sleep.hpp>

namespace b24gate::gateway {
namespace {

namespace asio = boost::asio;
using core::Clock;
using observe::Level;

constexpr core::Duration store_patience = std::chrono::seconds(5);
constexpr core::Duration poll_interval = std::chrono::seconds(2);

core::Deadline patience() { return core::Deadline{Clock::now() + store_patience}; }

}  // namespace

PortalPauses::PortalPauses(net::Worker& worker, storage::Store& store, observe::Log& log)
    : worker_(worker), store_(store), log_(log) {}

void PortalPauses::use(const Snapshot& snapshot) {
    const std::lock_guard lock(mutex_);
    portals_.clear();
    for (const auto& [name, runtime] : snapshot.portals) portals_.emplace(name, runtime.portal);
    settle();
}

asio::awaitable<storage::Result<storage::Done>> PortalPauses::load() {
    auto listed = co_await store_.list_pauses(patience());
    if (!listed) co_return std::move(listed).error();
    apply(*std::move(listed));
    co_return storage::Done{};
}

void PortalPauses::start() { asio::co_spawn(worker_.io, poll(), asio::detached); }

/// A store that does not answer changes nothing: who was paused stays so.
asio::awaitable<void> PortalPauses::poll() {
    for (;;) {
        net::Sleep sleep(worker_, Clock::now() + poll_interval);
        static_cast<void>(co_await sleep.wait());
        static_cast<void>(co_await load());
    }
}

void PortalPauses::apply(std::vector<storage::PauseRecord> records) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, storage::PauseRecord, std::less<>> now;
    for (storage::PauseRecord& record : records) {
        if (!paused_.contains(record.portal))
            log_.event(Level::warn, "portal_paused",
                       {{"portal", record.portal}, {"actor", record.actor}, {"reason", record.reason}});
        now.insert_or_assign(record.portal, std::move(record));
    }
    for (const auto& [portal, record] : paused_)
        if (!now.contains(portal)) log_.event(Level::warn, "portal_resumed", {{"portal", portal}});
    paused_ = std::move(now);
    settle();
}

/// With the mutex held.
void PortalPauses::settle() {
    for (const auto& [name, portal] : portals_) portal->pause(paused_.contains(name));
}

asio::awaitable<storage::Result<storage::Done>> PortalPauses::pause(std::string portal, std::string actor,
                                                                    std::string reason, core::Deadline deadline) {
    storage::PauseRecord record;
    record.portal = std::move(portal);
    record.actor = std::move(actor);
    record.reason = std::move(reason);
    const auto written = co_await store_.put_pause(std::move(record), deadline);
    if (!written) co_return written.error();
    co_return co_await load();
}

asio::awaitable<storage::Result<bool>> PortalPauses::resume(std::string portal, core::Deadline deadline) {
    const auto removed = co_await store_.remove_pause(std::move(portal), deadline);
    if (!removed) co_return removed.error();
    const auto loaded = co_await load();
    if (!loaded) co_return loaded.error();
    co_return *removed;
}

std::optional<storage::PauseRecord> PortalPauses::find(std::string_view portal) const {
    const std::lock_guard lock(mutex_);
    const auto found = paused_.find(portal);
    return found == paused_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace b24gate::gateway
