// What a portal posts to the application's address: installation, update and removal events, and the page of a local
// application (reference 5.6, 6.1). Anybody can post there: nothing in it is proven before the application token, or a
// call with the token, has proven it. Pure; any thread; never throws on any bytes.
#pragma once

#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/core/secret.hpp>
#include <b24gate/tokens/grant.hpp>

namespace b24gate::tokens {

struct AppEvent {
    enum class Kind {
        install,    ///< ONAPPINSTALL
        update,     ///< ONAPPUPDATE
        uninstall,  ///< ONAPPUNINSTALL
        frame,      ///< the page of an application inside of the portal, as it is opened by a user
        other,      ///< any other event; its tokens are an acting user's and none of ours
    };
    Kind kind = Kind::other;
    std::string event;                             ///< in upper case; of a frame its PLACEMENT, may be empty
    std::string member_id;                         ///< never empty but for `other`
    std::string domain;                            ///< lower case; host, and perhaps port; may be empty
    std::string client_endpoint, server_endpoint;  ///< as posted; of a frame made of DOMAIN and PROTOCOL
    core::Secret application_token;                ///< may be empty, and then proves nothing
    bool clean = false;                            ///< uninstall: the user wants the application's data removed
    std::int64_t ts_ms = 0;                        ///< Unix time of the event by the portal; 0: not told
    std::optional<Grant> grant;                    ///< of install, update and frame
    std::string grant_fault;                       ///< why there is none, in words; no value
};
[[nodiscard]] std::string_view to_string(AppEvent::Kind) noexcept;  ///< "install", "update", ...

inline constexpr std::size_t largest_app_event = 256 * 1024;

/// The error is a sentence for the one who posts, and the log: what is wrong and what would be right; no value.
[[nodiscard]] boost::system::result<AppEvent, std::string> parse_app_event(std::string_view content_type,
                                                                           std::string_view query,
                                                                           std::string_view body, std::int64_t now_ms);

/// Whether an event is the portal's own. False when one of them is empty: two that are not there are no proof.
[[nodiscard]] bool application_token_matches(const core::Secret& stored, const core::Secret& given) noexcept;

}  // namespace b24gate::tokens
