// What became of a call: the vocabulary of product contract section 3. Pure data.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace b24gate::bitrix {

enum class Api { v2, v3 };

enum class ErrorClass {
    ok,
    rate_limit,
    overload,
    operating_limit,
    auth_expired,
    auth_invalid,
    permission,
    plan,
    validation,
    not_found,
    method_unknown,
    business,
    server,
    network,
    timeout,
    portal_gone,
    gateway,
};
inline constexpr int error_class_count = 17;

/// May the portal have carried the call out?
enum class Executed { no, yes, unknown };

/// Whose verdict it is.
enum class Origin { portal, oauth, network, gateway };

/// Who has to act, for error rates and alerts.
enum class Fault { none, system, refused, limit };

[[nodiscard]] std::string_view to_string(ErrorClass) noexcept;  ///< "ok", "rate_limit", ...
[[nodiscard]] std::string_view to_string(Executed) noexcept;    ///< "no", "yes", "unknown"
[[nodiscard]] std::string_view to_string(Origin) noexcept;
[[nodiscard]] std::string_view to_string(Fault) noexcept;
/// `code` tells the gateway's own codes apart (GATEWAY_DEADLINE is a limit, GATEWAY_STORE is system, ...).
[[nodiscard]] Fault fault_of(ErrorClass, std::string_view code) noexcept;

/// The portal's own accounting of one call (reference 2.3). Seconds; Unix time for reset.
struct Timing {
    std::optional<double> duration;
    std::optional<double> operating;
    std::optional<double> operating_reset_at;
};

/// The verdict on one attempt.
struct Outcome {
    ErrorClass error_class = ErrorClass::ok;
    Executed executed = Executed::yes;
    Origin origin = Origin::portal;
    std::string code;              ///< the portal's `error` letter for letter, or a GATEWAY_ code
    std::string description;       ///< plain text: no markup, no secret, bounded
    unsigned upstream_status = 0;  ///< 0: there was no answer
    bool has_code = false;         ///< the portal named a code (which may be empty): `code` is the portal's, not ours
    bool json_error = false;       ///< the answer is a JSON object with an `error` member that the envelope can extend
    Timing timing;
    std::optional<std::chrono::seconds> retry_after;  ///< from an intermediary's Retry-After

    [[nodiscard]] bool ok() const noexcept { return error_class == ErrorClass::ok; }
};

}  // namespace b24gate::bitrix
