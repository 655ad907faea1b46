// When tokens are refreshed, and what an answer of the authorization server means for the pair (reference 5.4, 5.5).
// Pure; any thread; never throws on any bytes. Moments are the store's Unix time in milliseconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/bitrix/classify.hpp>
#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/storage/store.hpp>
#include <b24gate/tokens/grant.hpp>

namespace b24gate::tokens {

/// An access token this close to its end is refreshed, but only when a call waits: who refreshes on a timer is blocked.
inline constexpr std::chrono::milliseconds access_margin{60'000};
inline constexpr std::chrono::milliseconds refresh_token_life{180LL * 86'400'000};
/// Older documents say that a refresh token lives for 28 days: early enough for both.
inline constexpr std::chrono::milliseconds idle_refresh_after{25LL * 86'400'000};
inline constexpr std::chrono::milliseconds refresh_lease{20'000};
/// Two of them and a write to the store fit into a lease.
inline constexpr std::chrono::milliseconds token_request_timeout{8'000};
inline constexpr std::chrono::milliseconds passing_backoff{1'000};
inline constexpr std::chrono::milliseconds longest_passing_backoff{60'000};
/// A portal that has not paid is asked once a day.
inline constexpr std::chrono::milliseconds unpaid_probe{86'400'000};

enum class Need {
    none,      ///< use the token
    wanted,    ///< use it if the refresh fails for a passing reason; not said while a failed refresh backs off
    required,  ///< it has expired
    reauth,    ///< only a person helps
};
[[nodiscard]] std::string_view to_string(Need) noexcept;
[[nodiscard]] Need need(const storage::CredentialRecord& record, storage::UnixMs now) noexcept;

/// The pair has not been renewed for so long that it is refreshed without a call. False while it backs off, and for a
/// credential that needs re-authorization.
[[nodiscard]] bool idle_refresh_due(const storage::CredentialRecord& record, storage::UnixMs now) noexcept;

/// How the exchange with the token endpoint ended.
struct TokenAnswer {
    bitrix::Transport transport = bitrix::Transport::replied;
    bitrix::TransportError error = bitrix::TransportError::none;
    unsigned status = 0;
    std::string_view content_type;
    std::string_view body;
};

struct Verdict {
    enum class Kind {
        new_pair,  ///< `grant` is it
        passing,   ///< keep the old pair, ask again in retry_in_ms
        final,     ///< needs re-authorization
    };
    Kind kind = Kind::passing;
    /// passing: the server may have rotated the tokens all the same. invalid_grant after that means a lost chain.
    bool lost = false;
    std::string reason;            ///< a code for the record and the metrics; bounded, never a value; empty: new_pair
    std::int64_t retry_in_ms = 0;  ///< of passing
    std::optional<Grant> grant;    ///< of new_pair
    bitrix::Outcome outcome;       ///< for the calls that waited, which were not sent; its description is not masked
};
[[nodiscard]] std::string_view to_string(Verdict::Kind) noexcept;  ///< "new_pair", "passing", "final"

/// `failures`: how many refreshes have failed for a passing reason before this one, one after the other. `random`:
/// uniform in [0, 1). For a code exchange as well as for a refresh.
[[nodiscard]] Verdict judge(const TokenAnswer& answer, storage::UnixMs now, unsigned failures, double random);

/// From a half to all of 1 s, 2 s, 4 s, ... 60 s.
[[nodiscard]] std::int64_t passing_backoff_ms(unsigned failures, double random) noexcept;

/// Behind the reason of a passing failure in the record: since then the server may have rotated the tokens without
/// anybody knowing the new ones. An invalid_grant after that has lost_answer behind it.
inline constexpr std::string_view answer_lost = "_answer_lost";
inline constexpr std::string_view lost_answer = "_after_lost_answer";
/// The reason for the record. `lost_before`: an answer was lost in an earlier exchange with this pair.
[[nodiscard]] std::string reason_to_record(const Verdict& verdict, bool lost_before);
/// What calls are told while a refresh backs off that has failed elsewhere: all that is known of it is the reason.
[[nodiscard]] bitrix::Outcome remembered_failure(std::string_view reason);

/// The server has certainly not understood the POST: the same by GET, once.
[[nodiscard]] bool fall_back_to_get(const TokenAnswer& answer);

/// The request may have arrived, and no answer came: the same refresh at once, once, which often still works.
[[nodiscard]] bool repeat_at_once(const TokenAnswer& answer) noexcept;

struct RefreshTokenAge {
    storage::UnixMs ends_at = 0;
    std::int64_t age_days = 0;   ///< whole days since the pair came
    std::int64_t days_left = 0;  ///< whole days up to its documented end; 0: less than one, or over
};
[[nodiscard]] RefreshTokenAge refresh_token_age(const storage::CredentialRecord& record, storage::UnixMs now) noexcept;

}  // namespace b24gate::tokens
