#include <b24gate/alerts/facts.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "json_parts.hpp"

namespace b24gate::alerts {

namespace json = boost::json;

std::string to_json(const Facts& facts) {
    json::object out;
    out["name"] = facts.name;
    out["at"] = facts.at;
    out["since"] = facts.since;
    out["counted_ms"] = facts.counted_ms;
    json::object portals;
    for (const auto& [name, portal] : facts.portals) {
        json::object one;
        one["calls"] = portal.calls;
        one["system"] = portal.system;
        one["failed"] = portal.failed;
        one["last_success"] = portal.last_success;
        portals[name] = std::move(one);
    }
    out["portals"] = std::move(portals);
    json::array credentials, channels;
    for (const CredentialFacts& credential : facts.credentials) {
        json::object one;
        one["portal"] = credential.portal;
        one["credential"] = credential.credential;
        one["needs_reauth"] = credential.needs_reauth;
        one["reason"] = credential.reason;
        one["refresh_ends"] = credential.refresh_ends;
        one["breaker_open"] = credential.breaker_open;
        credentials.push_back(std::move(one));
    }
    for (const ChannelFacts& channel : facts.channels) {
        json::object one;
        one["name"] = channel.name;
        one["failing"] = channel.failing;
        one["error"] = channel.error;
        one["last_sent"] = channel.last_sent;
        one["last_error"] = channel.last_error;
        channels.push_back(std::move(one));
    }
    out["credentials"] = std::move(credentials);
    out["channels"] = std::move(channels);
    out["reload_failed"] = facts.reload_failed;
    if (facts.free_disk) out["free_disk"] = *facts.free_disk;
    out["callbacks_given_up"] = facts.callbacks_given_up;
    return json::serialize(out);
}

std::optional<Facts> parse_facts(std::string_view text) {
    const auto root = parse_object(text);
    if (!root) return std::nullopt;
    Facts out;
    out.name = text_of(*root, "name");
    out.at = number_of(*root, "at");
    out.since = number_of(*root, "since");
    out.counted_ms = count_of(*root, "counted_ms");
    for (const auto& [name, value] : members_of(*root, "portals")) {
        const json::object* const one = value.if_object();
        if (one == nullptr) continue;
        PortalFacts& portal = out.portals[std::string(name)];
        portal.calls = count_of(*one, "calls");
        portal.system = count_of(*one, "system");
        portal.failed = count_of(*one, "failed");
        portal.last_success = number_of(*one, "last_success");
    }
    for (const json::value& value : elements_of(*root, "credentials")) {
        const json::object* const one = value.if_object();
        if (one == nullptr) continue;
        CredentialFacts& credential = out.credentials.emplace_back();
        credential.portal = text_of(*one, "portal");
        credential.credential = text_of(*one, "credential");
        credential.needs_reauth = flag_of(*one, "needs_reauth");
        credential.reason = text_of(*one, "reason");
        credential.refresh_ends = number_of(*one, "refresh_ends");
        credential.breaker_open = flag_of(*one, "breaker_open");
    }
    for (const json::value& value : elements_of(*root, "channels")) {
        const json::object* const one = value.if_object();
        if (one == nullptr) continue;
        ChannelFacts& channel = out.channels.emplace_back();
        channel.name = text_of(*one, "name");
        channel.failing = flag_of(*one, "failing");
        channel.error = text_of(*one, "error");
        channel.last_sent = number_of(*one, "last_sent");
        channel.last_error = number_of(*one, "last_error");
    }
    out.reload_failed = flag_of(*root, "reload_failed");
    if (root->contains("free_disk")) out.free_disk = count_of(*root, "free_disk");
    out.callbacks_given_up = count_of(*root, "callbacks_given_up");
    return out;
}

}  // namespace b24gate::alerts
