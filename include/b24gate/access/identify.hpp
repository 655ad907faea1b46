// The front door: key, portal and address of a call -> who it is and where it goes, or a refusal that does not tell
// which portals exist. Built once from a Config, which it keeps alive; immutable; any thread.
#pragma once

#include <memory>
#include <string_view>

#include <boost/system/result.hpp>

#include <b24gate/access/authenticate.hpp>
#include <b24gate/access/portal_choice.hpp>
#include <b24gate/bitrix/call.hpp>
#include <b24gate/config/config.hpp>

namespace b24gate::access {

/// What a call says about itself; all of it as it came.
struct Claim {
    std::string_view key;            ///< empty: none was sent
    std::string_view portal_prefix;  ///< of /portals/{portal}; empty: none
    std::string_view host;           ///< the Host header
    std::string_view peer;           ///< the caller's address without port
};

struct Identity {
    const config::Client* client = nullptr;
    const config::Portal* portal = nullptr;
    /// The credential to call with; null for a passthrough client, who sends the portal's own. Such a call must be
    /// parsed anew with RawCall::passthrough set.
    const config::Credential* credential = nullptr;
};

class FrontDoor {
public:
    explicit FrontDoor(std::shared_ptr<const config::Config> config);

    /// unauthorized: no key, or none that is known; the same answer whatever portal was named. forbidden: a known key
    /// from an address or for a portal that it is not granted. bad_request: a known key, and no way to tell the portal.
    [[nodiscard]] boost::system::result<Identity, bitrix::Refusal> identify(const Claim& claim) const;

    /// Whose key it is, for what belongs to a client and no portal. unauthorized: no key, or none that is known;
    /// forbidden: a known key from an address that it may not come from.
    [[nodiscard]] boost::system::result<const config::Client*, bitrix::Refusal> client_of(std::string_view key,
                                                                                          std::string_view peer) const;

    [[nodiscard]] const config::Config& config() const noexcept { return authenticator_.config(); }

private:
    Authenticator authenticator_;
    PortalChoice portals_;
};

}  // namespace b24gate::access
