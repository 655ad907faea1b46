#include <b24gate/operations/retry_schedule.hpp>

#include <algorithm>
#include <array>

namespace b24gate::operations {
namespace {

using namespace std::chrono_literals;

/// After the Standard Webhooks specification: ten sendings over 75 hours and 35 minutes.
constexpr std::array<Milliseconds, callback_tries - 1> callback_steps{5s, 5min, 30min, 2h, 5h, 10h, 14h, 20h, 24h};
/// Receivers that say that they are overwhelmed.
constexpr Milliseconds breather = 60s;
constexpr double spread = 0.2;

Milliseconds jittered(Milliseconds whole, double random) noexcept {
    const double part = random > 0 ? std::min(random, 1.0) : 0;  // also for NaN
    return Milliseconds(
        static_cast<std::int64_t>(static_cast<double>(whole.count()) * (1 - spread + 2 * spread * part)));
}

}  // namespace

Rules rules_of(const config::Operations& settings) noexcept {
    Rules out;
    out.attempts = settings.retry.attempts;
    out.base = settings.retry.base;
    out.max = settings.retry.max;
    out.not_found = settings.retry.not_found;
    out.limit_age = settings.retry.limit_age;
    out.settle = settings.settle;
    out.key_window = settings.key_window;
    out.block_on_failure = settings.order_on_failure == config::Operations::OnFailure::block;
    return out;
}

Milliseconds pause_after(unsigned n, const Rules& rules, double random) noexcept {
    Milliseconds step = std::min(rules.base, rules.max);
    for (unsigned i = 1; i < n && step < rules.max; ++i) step = std::min(step * 3, rules.max);
    return jittered(step, random);
}

CallbackVerdict judge_callback(unsigned tries, unsigned status, std::optional<std::chrono::seconds> retry_after,
                               double random) noexcept {
    using Kind = CallbackVerdict::Kind;
    if (status >= 200 && status < 300) return {Kind::delivered, {}};
    if (status == 410 || tries >= callback_tries) return {Kind::given_up, {}};
    const Milliseconds step = callback_steps.at(std::max(tries, 1u) - 1);
    Milliseconds pause = jittered(step, random);
    if (status == 429 || status == 502 || status == 504) pause = std::max(pause, breather);
    if (retry_after) {
        // An intermediary may name any number of seconds.
        const auto most = std::chrono::duration_cast<std::chrono::seconds>(std::max(2 * step, breather));
        pause = std::max<Milliseconds>(pause, std::clamp(*retry_after, 0s, most));
    }
    return {Kind::again, pause};
}

}  // namespace b24gate::operations
