#include <b24gate/access/portal_choice.hpp>

#include <algorithm>

#include <b24gate/core/text.hpp>

namespace b24gate::access {

std::string host_name(std::string_view host) {
    host = core::trim(host);
    if (host.starts_with('['))
        host = host.substr(0, host.find(']') == std::string_view::npos ? host.size() : host.find(']') + 1);
    else
        host = host.substr(0, host.find(':'));
    if (host.ends_with('.')) host.remove_suffix(1);
    return core::to_lower(host);
}

PortalChoice::PortalChoice(const config::Config& config) : config_(config) {
    for (const auto& [name, portal] : config.portals)
        for (const std::string& host : portal.hosts) by_host_.emplace(host, &portal);
}

PortalChoice::Address PortalChoice::by_address(std::string_view prefix, std::string_view host) const {
    if (!prefix.empty()) {
        const auto found = config_.portals.find(std::string(prefix));
        return {true, found == config_.portals.end() ? nullptr : &found->second};
    }
    const auto found = by_host_.find(host_name(host));
    if (found == by_host_.end()) return {};
    return {true, found->second};
}

boost::system::result<const config::Portal*, bitrix::Refusal> PortalChoice::choose(const Address& address,
                                                                                   const config::Client& client) const {
    const config::Portal* portal = address.portal;
    if (!address.named) {
        const std::string& name = !client.default_portal.empty() ? client.default_portal
                                  : client.portals.size() == 1   ? client.portals.front()
                                                                 : std::string();
        if (name.empty())
            return bitrix::Refusal{bitrix::GatewayCode::bad_request,
                                   "the call names no portal and this client has no default one; put /portals/NAME in "
                                   "front of /rest/"};
        const auto found = config_.portals.find(name);
        if (found != config_.portals.end()) portal = &found->second;
    }
    if (!portal || std::find(client.portals.begin(), client.portals.end(), portal->name) == client.portals.end())
        return bitrix::Refusal{bitrix::GatewayCode::forbidden,
                               "this client is not granted the portal that the call names"};
    return portal;
}

}  // namespace b24gate::access
