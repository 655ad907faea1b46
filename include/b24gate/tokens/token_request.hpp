// Requests to the authorization server: where they go and what they say. Pure; any thread; never throws on any bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/secret.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::tokens {

/// "https://HOST[:port][/base]/rest/" -> the portal's address without a trailing slash, host in lower case. nullopt:
/// it is none, or not https (http: only with `allow_http`). That it has the form says nothing of whose it is.
[[nodiscard]] std::optional<std::string> portal_url_of(std::string_view client_endpoint, bool allow_http = false);

struct TokenTarget {
    std::string url;
    bool fell_back = false;  ///< a server_endpoint was told, and the client's secret may not go there
};

/// The token endpoint for a credential: that of the server that its last answer named, when that one is trusted with
/// the client's secret: oauth.bitrix.info, oauth.bitrix24.tech, `extra_allowed_hosts` (HOST or HOST:PORT; https), or
/// the server of the configured URL with that URL's own scheme. Else the configured URL.
[[nodiscard]] TokenTarget token_target(std::string_view configured_token_url, std::string_view server_endpoint,
                                       const std::vector<std::string>& extra_allowed_hosts = {});

/// The parameters, urlencoded: a form body as well as a query.
[[nodiscard]] core::Secret refresh_parameters(std::string_view client_id, const core::Secret& client_secret,
                                              const core::Secret& refresh_token);
[[nodiscard]] core::Secret code_parameters(std::string_view client_id, const core::Secret& client_secret,
                                           const core::Secret& code);

enum class Verb { post, get };

struct TokenRequest {
    upstream::Target target;  ///< whom to connect to
    core::Secret head;        ///< request line and fields, with the empty line; of a GET it holds the parameters
    core::Secret body;        ///< empty for a GET
};
/// nullopt: `token_url` is no URL, or has no valid host or port.
[[nodiscard]] std::optional<TokenRequest> make_token_request(std::string_view token_url, const core::Secret& parameters,
                                                             Verb verb);

/// Where the browser is sent to begin an authorization. `portal_url` has no trailing slash.
[[nodiscard]] std::string authorize_url(std::string_view portal_url, std::string_view client_id,
                                        std::string_view state);

}  // namespace b24gate::tokens
