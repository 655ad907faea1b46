// When an operation is tried again, and when a callback is. Pure; any thread.
#pragma once

#include <chrono>
#include <optional>

#include <b24gate/config/config.hpp>
#include <b24gate/operations/operation.hpp>

namespace b24gate::operations {

using Milliseconds = std::chrono::milliseconds;

/// The rules that decisions go by: what the configuration says of [operations].
struct Rules {
    unsigned attempts = 8;  ///< repeats after server, network and timeout errors together
    Milliseconds base{30'000}, max{43'200'000};
    unsigned not_found = 1;               ///< repeats of an update that found nothing
    Milliseconds limit_age{259'200'000};  ///< how long the portal's limits may hold it up
    Milliseconds settle{75'000};          ///< how long the portal may still work on a request that was cut off
    Milliseconds key_window{82'800'000};  ///< how long after its first sending a keyed write may be repeated
    bool block_on_failure = false;        ///< failed and dead keep the next one of their order key waiting
};
[[nodiscard]] Rules rules_of(const config::Operations& settings) noexcept;

/// The pause after the n-th failure that counts, n from 1: base * 3^(n-1), at most `max`, give or take a fifth.
/// `random` is uniform in [0, 1).
[[nodiscard]] Milliseconds pause_after(unsigned n, const Rules& rules, double random) noexcept;

/// Waits that count no attempt, where nobody said how long.
inline constexpr Milliseconds rate_limit_pause{2'000}, overload_pause{30'000}, operating_pause{60'000},
    not_found_pause{5'000}, lookup_pause{5'000};

/// What became of one sending of a callback.
struct CallbackVerdict {
    enum class Kind {
        delivered,
        again,     ///< after `pause`
        given_up,  ///< the schedule is used up, or the receiver wants no more (410)
    };
    Kind kind = Kind::again;
    Milliseconds pause{0};
};
/// `tries`: how often it was sent, this time included. `status`: of the answer, 0: there was none; a redirect is a
/// failure like others. `retry_after`: what the receiver asked for; it is kept to twice the step at most.
[[nodiscard]] CallbackVerdict judge_callback(unsigned tries, unsigned status,
                                             std::optional<std::chrono::seconds> retry_after, double random) noexcept;
inline constexpr unsigned callback_tries = 10;

}  // namespace b24gate::operations
