// Which portal a call is for: the /portals/{portal} prefix, a Host that a portal lists, the client's only or default
// portal, in this order. Built once from a Config, which must outlive it; immutable; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include <b24gate/bitrix/call.hpp>
#include <b24gate/config/config.hpp>

namespace b24gate::access {

class PortalChoice {
public:
    explicit PortalChoice(const config::Config& config);

    /// What prefix and Host say on their own. `named`: the call names a portal, though none need be there (then
    /// `portal` is null).
    struct Address {
        bool named = false;
        const config::Portal* portal = nullptr;
    };
    /// `host`: the header as it came, any case, with or without port and with or without a dot at the end. A Host that
    /// no portal lists names none: the gateway has names of its own.
    [[nodiscard]] Address by_address(std::string_view prefix, std::string_view host) const;

    /// The portal, granted to `client`. A portal that is not granted and one that does not exist get the same answer.
    [[nodiscard]] boost::system::result<const config::Portal*, bitrix::Refusal> choose(
        const Address& address, const config::Client& client) const;

private:
    const config::Config& config_;
    std::map<std::string, const config::Portal*, std::less<>> by_host_;
};

/// A Host header without port and final dot, in lower case.
[[nodiscard]] std::string host_name(std::string_view host);

}  // namespace b24gate::access
