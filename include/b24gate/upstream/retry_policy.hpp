// Whether a failed attempt is made again, and when (product contract section 3, "retried by the gateway"). Pure; any
// thread.
#pragma once

#include <chrono>
#include <string_view>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::upstream {

/// An answer needs at least this long: a retry that leaves less to the deadline is not made.
inline constexpr core::Duration least_useful_time = std::chrono::milliseconds(100);

struct RetryFacts {
    bool repeat_is_safe = false;  ///< Methods::repeat_is_safe
    const config::Retry& rules;
    core::Deadline deadline;
    core::TimePoint now;
    double random = 0;               ///< uniform in [0, 1)
    bool has_tokens = false;         ///< the credential has a refresh token
    bool refreshed = false;          ///< this call's credential has been refreshed for it already
    bool reused_connection = false;  ///< the attempt went over a kept-alive connection
};

struct Decision {
    enum class Kind {
        stop,     ///< the outcome is the answer
        requeue,  ///< back into the queue; the limiter says when, but not before `at`
        refresh,  ///< a new access token, then at once
        retry,    ///< at `at`
    };
    /// For the log: why a stop.
    enum class Why { none, final_verdict, not_safe, exhausted, deadline };

    Kind kind = Kind::stop;
    core::TimePoint at{};  ///< of requeue and retry
    Why why = Why::none;
};

[[nodiscard]] std::string_view to_string(Decision::Kind) noexcept;
[[nodiscard]] std::string_view to_string(Decision::Why) noexcept;

/// `attempt`: how often the call has failed so that a retry rule applies (server, network, timeout), this time
/// included: 1 for the first. Waits for budget and refreshes do not count.
[[nodiscard]] Decision decide(const bitrix::Outcome& outcome, unsigned attempt, const RetryFacts& facts) noexcept;

/// Full jitter: a random part of min(max, base * 2^(attempt - 1)). `random` outside of [0, 1) is clamped.
[[nodiscard]] core::Duration backoff(const config::RetryRule& rule, unsigned attempt, double random) noexcept;

}  // namespace b24gate::upstream
