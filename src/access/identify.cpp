#include <b24gate/access/identify.hpp>

#include <utility>

namespace b24gate::access {
namespace {

using bitrix::GatewayCode;
using bitrix::Refusal;

const config::Credential* credential_of(const config::Client& client, const config::Portal& portal) {
    const auto name = client.credentials.find(portal.name);
    if (client.passthrough || name == client.credentials.end()) return nullptr;
    const auto found = portal.credentials.find(name->second);
    return found == portal.credentials.end() ? nullptr : &found->second;
}

Refusal unknown_key() { return {GatewayCode::unauthorized, "the key is not known here"}; }
Refusal wrong_address() { return {GatewayCode::forbidden, "this client may not call from this address"}; }

}  // namespace

FrontDoor::FrontDoor(std::shared_ptr<const config::Config> config)
    : authenticator_(std::move(config)), portals_(authenticator_.config()) {}

boost::system::result<Identity, Refusal> FrontDoor::identify(const Claim& claim) const {
    if (claim.key.empty())
        return Refusal{GatewayCode::unauthorized,
                       "the call carries no key; send it in the path (/rest/1/KEY/METHOD), as auth, or as a bearer "
                       "token"};
    const PortalChoice::Address address = portals_.by_address(claim.portal_prefix, claim.host);
    const config::Client* client = authenticator_.by_key(claim.key);
    if (!client) {
        // A named portal that does not exist must not fall back to another one.
        if (!address.named || address.portal)
            client =
                authenticator_.passthrough(address.portal ? std::string_view(address.portal->name) : "", claim.peer);
        if (!client) return unknown_key();
        const auto portal = portals_.choose(address, *client);
        if (!portal) return unknown_key();
        return Identity{client, *portal, nullptr};
    }
    if (!authenticator_.address_allowed(*client, claim.peer)) return wrong_address();
    const auto portal = portals_.choose(address, *client);
    if (!portal) return portal.error();
    const config::Credential* credential = credential_of(*client, **portal);
    if (!credential)
        return Refusal{GatewayCode::forbidden,
                       "this client is not granted a credential of the portal that the call names"};
    return Identity{client, *portal, credential};
}

boost::system::result<const config::Client*, Refusal> FrontDoor::client_of(std::string_view key,
                                                                           std::string_view peer) const {
    if (key.empty())
        return Refusal{GatewayCode::unauthorized, "the request carries no key; send it as a bearer token or as auth"};
    const config::Client* client = authenticator_.by_key(key);
    if (!client) return unknown_key();
    if (!authenticator_.address_allowed(*client, peer)) return wrong_address();
    return client;
}

}  // namespace b24gate::access
