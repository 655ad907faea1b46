#include <b24gate/gateway/rename.hpp>

namespace b24gate::gateway {

bool is_redirect(const upstream::Exchange& exchange) noexcept {
    const unsigned status = exchange.status;
    return exchange.transport == bitrix::Transport::replied &&
           (status == 301 || status == 302 || status == 307 || status == 308);
}

bool follow_rename(Portal& portal, const config::Portal& config, observe::Log& log, const upstream::Target& from,
                   const upstream::Exchange& exchange, std::string_view sent_target) {
    const auto moved = upstream::renamed_target(from, exchange.field("location"), sent_target, config.redirect_hosts);
    if (!moved) {
        log.event(observe::Level::warn, "redirect_refused", {{"portal", config.name}, {"reason", moved.error()}});
        return false;
    }
    if (portal.move_to(*moved))
        log.event(observe::Level::warn, "portal_renamed",
                  {{"portal", config.name}, {"from", from.origin}, {"to", moved->origin}});
    return true;
}

}  // namespace b24gate::gateway
