// A pair of tokens as the authorization server grants it, and as it is kept. Pure; any thread; the parsers never throw
// on any bytes, and what they say is wrong never repeats a value: a token may stand where it does not belong.
#pragma once

#include <boost/system/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/secret.hpp>

namespace b24gate::tokens {

/// What is sealed.
struct Pair {
    core::Secret access, refresh;
    core::Secret application_token;  ///< proves that an event is the portal's; empty: not known
};

/// JSON text for core::KeyRing::seal.
[[nodiscard]] core::Secret encode_pair(const Pair& pair);
/// nullopt: not written by encode_pair.
[[nodiscard]] std::optional<Pair> decode_pair(std::string_view text);

/// The associated data of a sealed pair: no two credentials have the same, whatever their names are.
[[nodiscard]] std::string sealing_context(std::string_view portal, std::string_view credential);

struct Grant {
    Pair pair;
    std::string member_id;  ///< this and the next: empty or 0 when not told
    std::string client_endpoint, server_endpoint;
    std::string scope, status;
    std::int64_t user_id = 0;
    std::int64_t expires_in_ms = 0;  ///< of the access token, from `now_ms`; 0: it has expired
};

/// The access token's life when nobody tells it (documented).
inline constexpr std::int64_t documented_life_ms = 3'600'000;

/// The values of a grant as they came, whatever carried them. Empty: not there.
struct GrantFields {
    core::Secret access_token, refresh_token, application_token;
    std::string expires_in, expires;  ///< seconds; Unix time in seconds
    std::string member_id, client_endpoint, server_endpoint, scope, status, user_id;
};

/// An error only when there is no usable pair: by then the server has rotated the tokens, and to refuse the new pair
/// for a malformed scope would lose the authorization. Every other value that is malformed or too long counts as
/// absent. The error is a sentence without a full stop that names the field.
[[nodiscard]] boost::system::result<Grant, std::string> make_grant(GrantFields fields, std::int64_t now_ms);

/// The authorization server's answer of success, with make_grant's mildness. Numbers may be strings.
[[nodiscard]] boost::system::result<Grant, std::string> parse_grant(std::string_view json, std::int64_t now_ms);

struct ImportItem {
    std::string portal, credential;
    Grant grant;
};

/// One answer of the authorization server as it came, or an array of them, each with `portal` and perhaps `credential`
/// ("main") beside its own fields. Unlike parse_grant it refuses whatever is malformed: a person can correct it. Of
/// expires_in and expires the earlier counts, for the answer may be old; with neither, the access token counts as
/// expired. The error says which item it is, what is wrong, and what would be right.
[[nodiscard]] boost::system::result<std::vector<ImportItem>, std::string> parse_import(std::string_view json,
                                                                                       std::int64_t now_ms);

}  // namespace b24gate::tokens
