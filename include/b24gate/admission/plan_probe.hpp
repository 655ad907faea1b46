// Finds out, for plan = "auto", whether a portal gives more than 50 and 2/s, by asking for a little more and watching.
// Pure; owned by RateLimiter.
#pragma once

#include <b24gate/core/clock.hpp>

namespace b24gate::admission {

/// Keeps the bucket of the ordinary plan, empty at the start and filled by accepted hits alone: the portal's own, if it
/// is an ordinary one, is never lower. So a level above the ordinary burst, by more than hits in flight together can
/// explain, proves a larger plan. To get there the rate is raised in small steps while calls wait; any refusal ends the
/// attempt, and the next one waits twice as long.
class PlanProbe {
public:
    struct Bucket {
        double burst;
        double rate;
    };
    static constexpr Bucket ordinary{50, 2};
    static constexpr Bucket enterprise{250, 5};

    void start(core::TimePoint now) noexcept;
    void stop() noexcept { *this = PlanProbe{}; }
    [[nodiscard]] bool active() const noexcept { return active_; }
    /// An attempt is under way: the rate in force is above what is proven.
    [[nodiscard]] bool attempting() const noexcept { return active_ && stage_ > 0; }

    /// An accepted hit. `saturated`: it left as soon as the budget allowed, others waiting for it.
    void accepted(bool saturated, core::TimePoint now) noexcept;
    /// A refusal: back to the ordinary plan at once.
    void refused(core::TimePoint now) noexcept;
    /// What may be used now.
    [[nodiscard]] Bucket bucket() const noexcept;
    [[nodiscard]] bool proven() const noexcept { return proven_; }

private:
    bool active_ = false;
    bool proven_ = false;
    int stage_ = 0;
    double level_ = 0;  ///< of the ordinary plan's bucket, without a bound
    double stage_level_ = 0;
    core::TimePoint updated_;
    core::TimePoint saturated_since_;
    core::TimePoint not_before_;
    core::Duration backoff_ = std::chrono::seconds(60);
};

}  // namespace b24gate::admission
