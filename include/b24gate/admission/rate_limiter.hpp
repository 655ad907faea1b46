// The portal's leaky bucket, kept on this side: every hit adds one, `rate` leak away each second, a hit that would lift
// the level above `burst` is refused. Learns from every answer. Pure; not thread-safe.
#pragma once

#include <optional>
#include <string_view>

#include <b24gate/admission/plan_probe.hpp>
#include <b24gate/config/config.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::admission {

/// Hits are charged when they are granted and counted by the portal when they arrive. Jitter squeezes at most
/// rate * jitter more of them into a stretch of time, so a local capacity that is smaller by that much never overflows
/// the portal's bucket; the leak rate is used in full, and the margin costs half a second once, not per hit.
class RateLimiter {
public:
    /// `initial_level`: how much of the burst (0..1) is taken to be spent at the start.
    RateLimiter(const config::Plan&, double initial_level, core::TimePoint now);

    /// May a hit leave now? Does not charge it.
    [[nodiscard]] bool ready(core::TimePoint now) noexcept { return now >= ready_at(now); }
    /// The moment at which `hits` more hits will have been able to leave, the last of them at that moment; `now` when
    /// at once. Never earlier than `now`.
    [[nodiscard]] core::TimePoint ready_at(core::TimePoint now, double hits = 1) noexcept;
    /// How many hits could leave at once; infinite without a limit.
    [[nodiscard]] double spare(core::TimePoint now) noexcept;
    /// Charges one hit, whether ready or not (observe mode charges all).
    void charge(core::TimePoint now) noexcept;
    /// Takes the charge of `granted` back: the request never reached the portal. What of it has leaked away meanwhile
    /// is not given back, or hits that did arrive would be forgotten.
    void refund(core::TimePoint granted, core::TimePoint now) noexcept;

    /// The portal took the hit that was granted at `granted`. Wins rate back, and in `automatic` looks for more.
    void accepted(core::TimePoint granted, core::TimePoint now) noexcept;
    /// QUERY_LIMIT_EXCEEDED, or a code-less 429. Refusals of hits that were granted before the last refusal was known
    /// are the same event: they correct the level, not the rate.
    void refused(core::TimePoint granted, core::TimePoint now) noexcept;

    /// app.info's LICENSE_FAMILY or LICENSE_TYPE: "ent*" is 250 and 5/s, anything else 50 and 2/s. Only in `automatic`;
    /// ends the probing. An empty text teaches nothing.
    void learn_plan(std::string_view license, core::TimePoint now) noexcept;
    /// A new plan; the level stays.
    void reconfigure(const config::Plan&, core::TimePoint now) noexcept;
    /// What was known at `at` (at <= now): the level has leaked since.
    void restore(double level, core::TimePoint at, core::TimePoint now) noexcept;

    [[nodiscard]] bool unlimited() const noexcept { return unlimited_; }
    [[nodiscard]] double level(core::TimePoint now) noexcept;
    [[nodiscard]] double burst() const noexcept { return burst_; }        ///< of the plan, configured or learnt
    [[nodiscard]] double capacity() const noexcept;                       ///< what is used of the burst
    [[nodiscard]] double rate() const noexcept { return rate_; }          ///< in force, hits a second
    [[nodiscard]] double plan_rate() const noexcept { return nominal_; }  ///< of the plan, configured or learnt
    [[nodiscard]] bool learnt() const noexcept { return learnt_; }        ///< the plan was found out, not configured
    [[nodiscard]] core::TimePoint held_until() const noexcept { return hold_until_; }

private:
    void leak(core::TimePoint now) noexcept;
    void set_plan(double burst, double rate) noexcept;
    void assume_spent(double burst, double rate, core::TimePoint now) noexcept;

    bool unlimited_ = false;
    bool learnt_ = false;
    double burst_ = 50;
    double nominal_ = 2;
    double rate_ = 2;
    double level_ = 0;
    double assumed_spent_;  ///< 0..1: of the burst, at the start
    core::TimePoint started_;
    core::TimePoint updated_;
    core::TimePoint hold_until_;
    core::TimePoint last_low_;  ///< when the level was last seen below one hit
    std::optional<core::TimePoint> last_refusal_;
    config::Plan plan_;  ///< as configured
    PlanProbe probe_;
};

}  // namespace b24gate::admission
