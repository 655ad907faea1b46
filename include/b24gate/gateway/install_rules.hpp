// What is decided about tokens that come in over HTTP: whose they are, what proves it, whether they may replace what is
// there. Pure; any thread; never throws on any bytes. A reason is a code for log and metrics; empty means yes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <b24gate/core/clock.hpp>
#include <b24gate/core/secret.hpp>
#include <b24gate/tokens/app_event.hpp>
#include <b24gate/upstream/target.hpp>

namespace b24gate::gateway {

/// A portal of the configuration, as far as it is known.
struct PortalFacts {
    std::string name;
    upstream::Target configured, current;
    std::string member_id;                 ///< by the tokens in use; what differs is another portal
    std::string remembered_member_id;      ///< by an earlier authorization at this address
    std::vector<std::string> credentials;  ///< the oauth ones
};

/// Whether an address (https://HOST/rest/, or without the path) is of the portal that is at `place`. The scheme does
/// not count, for a gateway may reach a portal by another one than the world.
[[nodiscard]] bool is_at(const upstream::Target& place, std::string_view address);

/// Whose tokens they are by what the authorization server said: "untold", "other_portal".
[[nodiscard]] std::string_view identify(const PortalFacts& portal, std::string_view member_id,
                                        std::string_view client_endpoint);

/// The portal that an event speaks of; `wanted` (of the handler's URL) may be empty. The index, or the reason:
/// "unknown_portal", "ambiguous_portal", "other_portal".
struct Choice {
    std::optional<std::size_t> index;
    std::string_view reason;
};
[[nodiscard]] Choice choose_portal(const std::vector<PortalFacts>& portals, const tokens::AppEvent& event,
                                   std::string_view wanted);

/// The oauth credential that is meant: the one that is named, or else the only one.
[[nodiscard]] std::optional<std::string> choose_credential(const PortalFacts& portal, std::string_view wanted);

/// What the store holds of a credential.
struct CredentialFacts {
    std::int64_t version = 0;        ///< 0: nothing
    bool active = false;             ///< and not in need of re-authorization
    std::int64_t user_id = 0;        ///< 0: not known
    core::Secret application_token;  ///< empty: not known
};

struct EventVerdict {
    enum class Kind {
        ignore,
        refuse,  ///< for `reason`
        keep,    ///< all is there already
        mark,    ///< the application was removed
        verify,  ///< ask the portal about the token, then store it
    };
    Kind kind = Kind::refuse;
    std::string_view reason;
};
/// For an event of the chosen portal. Reasons: "no_tokens", "wrong_application_token", "no_application_token".
[[nodiscard]] EventVerdict decide(const tokens::AppEvent& event, const CredentialFacts& known);

/// Who a token acts for, by the portal's answer to `profile`.
struct Profile {
    std::int64_t user_id = 0;
    bool admin = false;
};
/// nullopt: nobody, or an answer to something else.
[[nodiscard]] std::optional<Profile> read_profile(std::string_view answer);

/// Whether tokens of that user may take the place of what is known. Whoever sees the application in the portal can make
/// an event of his own with tokens of his own: only the same user or an administrator changes whom the calls act for.
/// A person who authorizes in the browser (`by_hand`) may be anybody while there is nothing to replace. "other_user".
[[nodiscard]] std::string_view may_take(const CredentialFacts& known, const Profile& profile, bool by_hand);

/// 32 random bytes in hex.
[[nodiscard]] bool is_state(std::string_view text) noexcept;
/// The value of a cookie; empty: it is not there, or stands there twice with different values.
[[nodiscard]] std::string_view cookie(std::string_view header, std::string_view name) noexcept;
/// Russian before English in an Accept-Language.
[[nodiscard]] bool prefers_russian(std::string_view accept_language) noexcept;

/// So many tries a minute for each name: forged events must not spend a portal's budget, nor forged codes the
/// authorization server's patience. Bounded by the number of names.
class TryLimit {
public:
    explicit TryLimit(unsigned a_minute) : most_(a_minute) {}
    [[nodiscard]] bool take(const std::string& name, core::TimePoint now);

private:
    struct Minute {
        core::TimePoint began;
        unsigned used = 0;
    };
    unsigned most_;
    std::map<std::string, Minute> minutes_;
};

}  // namespace b24gate::gateway
