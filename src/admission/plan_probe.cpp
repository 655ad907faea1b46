#include <b24gate/admission/plan_probe.hpp>

#include <algorithm>
#include <cmath>

namespace b24gate::admission {

namespace {

constexpr double step = 1.25;       // of the rate, each stage
constexpr double hits_a_stage = 6;  // beyond the ordinary plan, before the next stage
constexpr double proof = 12;        // beyond the ordinary burst: more than are in flight together
constexpr auto saturated_before = std::chrono::seconds(30);
constexpr core::Duration longest_backoff = std::chrono::hours(1);

}  // namespace

void PlanProbe::start(core::TimePoint now) noexcept {
    *this = PlanProbe{};
    active_ = true;
    updated_ = saturated_since_ = not_before_ = now;
}

void PlanProbe::accepted(bool saturated, core::TimePoint now) noexcept {
    if (!active_) return;
    if (now > updated_) {
        level_ = std::max(0.0, level_ - ordinary.rate * core::to_seconds(now - updated_));
        updated_ = now;
    }
    level_ += 1;
    if (level_ > ordinary.burst + proof) {
        proven_ = true;
        active_ = false;
        return;
    }
    if (!saturated) {
        // Without calls waiting nothing is asked for, so nothing is found out.
        saturated_since_ = now;
        stage_ = 0;
        return;
    }
    if (now < not_before_ || now - saturated_since_ < saturated_before) return;
    if (stage_ == 0 || level_ >= stage_level_ + hits_a_stage) {
        stage_ += 1;
        stage_level_ = level_;
    }
}

void PlanProbe::refused(core::TimePoint now) noexcept {
    if (!active_) return;
    if (stage_ > 0) backoff_ = std::min(backoff_ * 2, longest_backoff);
    stage_ = 0;
    not_before_ = now + backoff_;
    level_ = std::min(level_, ordinary.burst);
}

PlanProbe::Bucket PlanProbe::bucket() const noexcept {
    if (proven_) return enterprise;
    if (!attempting()) return ordinary;
    return {ordinary.burst, std::min(enterprise.rate, ordinary.rate * std::pow(step, stage_))};
}

}  // namespace b24gate::admission
