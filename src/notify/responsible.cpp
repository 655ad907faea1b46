#include <b24gate/notify/responsible.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <utility>

#include <b24gate/net/busy.hpp>

namespace b24gate::notify {

namespace asio = boost::asio;
using alerts::Delivery;

void Responsible::use(std::shared_ptr<const gateway::Snapshot> snapshot) {
    alerts::BusinessErrors::Limits limits;
    limits.wait = snapshot->config->alerts.responsible_wait.count();
    limits.pause = std::min<alerts::UnixMs>(limits.pause, 2 * limits.wait);
    errors_.limit(limits);
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
}

std::shared_ptr<const gateway::Snapshot> Responsible::snapshot() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
}

void Responsible::failed(const observe::RecentError& error) {
    if (error.client.empty() || error.portal.empty() ||
        bitrix::fault_of(error.error_class, error.code) != bitrix::Fault::refused ||
        error.error_class == bitrix::ErrorClass::gateway)
        return;
    const auto now = snapshot();
    if (!now || !now->config->alerts.enabled || !now->config->alerts.tell_responsible) return;
    const auto client = now->config->clients.find(error.client);
    if (client == now->config->clients.end() || !client->second.responsible_user) return;
    const auto credential = client->second.credentials.find(error.portal);
    if (credential == client->second.credentials.end()) return;
    alerts::BusinessError out;
    out.client = error.client;
    out.portal = error.portal;
    out.credential = credential->second;
    out.user = *client->second.responsible_user;
    out.method = error.method;
    out.code = error.code;
    out.text = error.description;
    errors_.add(std::move(out), core::unix_ms());
}

void Responsible::tell() {
    const auto now = snapshot();
    // Each on its own: a portal that lets wait holds up nobody at another one.
    for (alerts::BusinessNote& note : errors_.take(core::unix_ms()))
        asio::co_spawn(worker_.io, tell(now->config, std::move(note)), asio::detached);
}

asio::awaitable<void> Responsible::tell(std::shared_ptr<const config::Config> config, alerts::BusinessNote note) {
    const net::Busy busy(busy_);
    alerts::BusinessNote sent = note;
    const Delivery delivery = co_await channels_.tell(std::move(config), std::move(sent));
    metrics_.notifications.with({"(responsible)", to_string(delivery.kind)}).add();
    if (delivery.kind == Delivery::Kind::sent) co_return;
    const bool again = delivery.kind == Delivery::Kind::again;
    log_.event(observe::Level::warn, "responsible_not_told",
               {{"client", note.client}, {"error", delivery.error}, {"permanent", !again}});
    if (again) errors_.give_back(std::move(note), core::unix_ms());
}

}  // namespace b24gate::notify
