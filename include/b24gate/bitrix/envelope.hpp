// Outcome -> what the client gets: the one switch to the outside (product contract section 3). Pure; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <b24gate/bitrix/outcome.hpp>

namespace b24gate::bitrix {

/// The gateway's own refusals.
enum class GatewayCode {
    unauthorized,
    forbidden,
    not_found,
    bad_request,
    body_too_large,
    headers_too_large,
    queue_full,
    deadline,
    upstream_unreachable,
    upstream_timeout,
    bad_answer,
    reauth_required,
    paused,
    draining,
    store,
    outcome_unknown,
    conflict,
};

[[nodiscard]] std::string_view to_string(GatewayCode) noexcept;  ///< "GATEWAY_UNAUTHORIZED", ...
[[nodiscard]] unsigned status_of(GatewayCode) noexcept;

/// A refusal by the gateway itself: class gateway, executed no.
[[nodiscard]] Outcome refusal(GatewayCode code, std::string description);

struct EnvelopeFacts {
    Api api = Api::v2;
    std::string_view portal;  ///< empty: not known (yet), then the member is left out
    std::string_view method;  ///< empty: likewise
    std::string_view request_id;
    unsigned attempts = 0;
    bool repeat_is_safe = false;                           ///< Methods::repeat_is_safe
    std::optional<std::chrono::milliseconds> retry_after;  ///< when the gateway knows it (limiter, breaker)
};

struct ErrorAnswer {
    unsigned status = 500;
    std::string body;
    bool retryable = false;
    std::optional<std::chrono::seconds> retry_after;  ///< whole seconds, rounded up; whenever retryable
    std::string code;                                 ///< for X-B24-Error: header-safe
    ErrorClass error_class = ErrorClass::gateway;     ///< for X-B24-Error-Class
};

/// `portal_body` is the portal's JSON error answer when outcome.json_error: its own members are kept letter for letter
/// (but for markup in the description) and `gateway` is added; otherwise the body is made anew.
[[nodiscard]] ErrorAnswer error_answer(const Outcome& outcome, const EnvelopeFacts& facts,
                                       std::string_view portal_body = {});

/// Would the same request, sent again by the caller, be safe and have a chance?
[[nodiscard]] bool retryable(const Outcome& outcome, bool repeat_is_safe) noexcept;

/// A batch that the client sent: each entry of result.result_error gains its `gateway` object, in place; every other
/// byte stays. nullopt: there is nothing to add (no failed entry, or not the shape of a v2 batch answer).
/// `methods` finds a command's method by its key.
class BatchMethods {
public:
    virtual ~BatchMethods() = default;
    [[nodiscard]] virtual std::string_view method(std::string_view key) const = 0;
    [[nodiscard]] virtual bool writes(std::string_view key) const = 0;
    [[nodiscard]] virtual bool repeat_is_safe(std::string_view key) const = 0;
};
[[nodiscard]] std::optional<std::string> annotate_batch(std::string_view body, const EnvelopeFacts& facts,
                                                        const BatchMethods& methods);

}  // namespace b24gate::bitrix
