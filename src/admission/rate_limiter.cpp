#include <b24gate/admission/rate_limiter.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace b24gate::admission {

namespace {

using std::chrono::seconds;
using Kind = config::Plan::Kind;

// What arrives closer together than it left: connection set-up included, a few tenths of a second. At least a whole
// hit.
constexpr double jitter_seconds = 0.3;
// Two refusals this close mean that the rate is wrong (somebody else shares the address), not only the level.
constexpr auto repeat_window = seconds(180);
constexpr double cut = 0.8;
constexpr double lowest_rate = 0.25;
// Additive recovery, hits a second for each accepted hit. The bucket itself evens out the swings, so slow growth loses
// nothing, and every fifth of growth costs one refusal. After two calm minutes the outsider is probably gone.
constexpr double growth = 0.002;
constexpr double calm_growth = 0.004;
constexpr auto calm_after = seconds(120);
// A call may leave when the level is right but for rounding.
constexpr double rounding = 1e-6;

}  // namespace

RateLimiter::RateLimiter(const config::Plan& plan, double initial_level, core::TimePoint now)
    : assumed_spent_(std::clamp(initial_level, 0.0, 1.0)),
      started_(now),
      updated_(now),
      hold_until_(now),
      last_low_(now),
      plan_(plan) {
    set_plan(plan.burst, plan.rate);
    unlimited_ = plan.kind == Kind::none;
    if (plan.kind == Kind::automatic) {
        set_plan(PlanProbe::ordinary.burst, PlanProbe::ordinary.rate);
        probe_.start(now);
    }
    level_ = assumed_spent_ * burst_;
}

double RateLimiter::capacity() const noexcept {
    return std::max(1.0, burst_ - std::max(1.0, jitter_seconds * nominal_));
}

void RateLimiter::set_plan(double burst, double rate) noexcept {
    burst_ = std::max(1.0, burst);
    nominal_ = std::max(0.001, rate);
    rate_ = nominal_;
}

/// The plan turns out to be larger than the one whose burst was taken to be spent at the start: what that one had more,
/// and has not leaked since, counts as spent too.
void RateLimiter::assume_spent(double burst, double rate, core::TimePoint now) noexcept {
    const double since = core::to_seconds(std::max(core::Duration::zero(), now - started_));
    const double there = std::max(0.0, assumed_spent_ * burst - rate * since);
    const double counted = std::max(0.0, assumed_spent_ * burst_ - nominal_ * since);
    level_ += std::max(0.0, there - counted);
}

void RateLimiter::leak(core::TimePoint now) noexcept {
    // A `now` from before the last one (two threads raced for the lock) leaks nothing.
    if (now <= updated_) return;
    level_ = std::max(0.0, level_ - rate_ * core::to_seconds(now - updated_));
    updated_ = now;
    if (level_ < 1) last_low_ = now;
}

double RateLimiter::level(core::TimePoint now) noexcept {
    leak(now);
    return level_;
}

core::TimePoint RateLimiter::ready_at(core::TimePoint now, double hits) noexcept {
    const auto earliest = std::max(now, hold_until_);
    if (unlimited_) return earliest;
    leak(now);
    const double excess = level_ + hits - capacity();
    if (excess <= rounding) return earliest;
    // Rounded up, or a timer set for this moment would come a hair too early and again and again.
    return std::max(earliest, now + core::from_seconds(excess / rate_) + std::chrono::microseconds(1));
}

double RateLimiter::spare(core::TimePoint now) noexcept {
    if (now < hold_until_) return 0;
    if (unlimited_) return std::numeric_limits<double>::infinity();
    leak(now);
    return std::max(0.0, std::floor(capacity() - level_ + rounding));
}

void RateLimiter::charge(core::TimePoint now) noexcept {
    if (unlimited_) return;
    leak(now);
    level_ += 1;
}

void RateLimiter::refund(core::TimePoint granted, core::TimePoint now) noexcept {
    leak(now);
    if (last_low_ <= granted) level_ = std::max(0.0, level_ - 1);
}

void RateLimiter::accepted(core::TimePoint granted, core::TimePoint now) noexcept {
    leak(now);
    if (probe_.active()) {
        const auto before = probe_.bucket();
        probe_.accepted(rate_ >= nominal_ && level_ > capacity() - 2, now);
        const auto found = probe_.bucket();
        if (found.rate != before.rate || found.burst != before.burst) set_plan(found.burst, found.rate);
        learnt_ = learnt_ || probe_.proven();
    }
    // An answer to a hit from before the refusal says nothing about the time after it.
    if (rate_ < nominal_ && (!last_refusal_ || granted > *last_refusal_)) {
        const bool calm = !last_refusal_ || now - *last_refusal_ > calm_after;
        rate_ = std::min(nominal_, rate_ + (calm ? calm_growth : growth));
    }
}

void RateLimiter::refused(core::TimePoint granted, core::TimePoint now) noexcept {
    leak(now);
    const auto pause = std::clamp<core::Duration>(core::from_seconds(2 / rate_), seconds(1), seconds(2));
    hold_until_ = std::max(hold_until_, now + pause);
    if (unlimited_) return;
    if (last_refusal_ && granted <= *last_refusal_) {
        // Sent before the refusal was known. The portal may have counted it although it refused it.
        level_ = std::max(level_, std::min(level_ + 1, 2 * burst_));
        return;
    }
    const bool guessed_burst = probe_.proven() && burst_ > PlanProbe::ordinary.burst && level_ < burst_ / 2;
    const bool probing = probe_.attempting();
    probe_.refused(now);
    if (probing) {
        set_plan(PlanProbe::ordinary.burst, PlanProbe::ordinary.rate);
    } else if (guessed_burst) {
        // The rate was proven, the burst only inferred from it.
        burst_ = PlanProbe::ordinary.burst;
    } else if (last_refusal_ && now - *last_refusal_ < repeat_window) {
        rate_ = std::max(std::min(lowest_rate, nominal_), rate_ * cut);
    }
    level_ = std::max(level_, burst_);
    last_refusal_ = now;
}

void RateLimiter::learn_plan(std::string_view license, core::TimePoint now) noexcept {
    if (plan_.kind != Kind::automatic || license.empty()) return;
    leak(now);
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    const bool ent =
        license.size() >= 3 && lower(license[0]) == 'e' && lower(license[1]) == 'n' && lower(license[2]) == 't';
    const auto bucket = ent ? PlanProbe::enterprise : PlanProbe::ordinary;
    probe_.stop();
    learnt_ = true;
    if (bucket.burst == burst_ && bucket.rate == nominal_) return;
    assume_spent(bucket.burst, bucket.rate, now);
    set_plan(bucket.burst, bucket.rate);
}

void RateLimiter::reconfigure(const config::Plan& plan, core::TimePoint now) noexcept {
    if (plan.kind == plan_.kind && plan.burst == plan_.burst && plan.rate == plan_.rate) return;
    leak(now);
    const bool was_automatic = plan_.kind == Kind::automatic;
    plan_ = plan;
    unlimited_ = plan.kind == Kind::none;
    if (plan.kind == Kind::automatic && was_automatic) return;
    learnt_ = false;
    probe_.stop();
    if (plan.kind == Kind::automatic) {
        set_plan(PlanProbe::ordinary.burst, PlanProbe::ordinary.rate);
        probe_.start(now);
    } else {
        assume_spent(plan.burst, plan.rate, now);
        set_plan(plan.burst, plan.rate);
    }
    level_ = std::min(level_, burst_);
}

void RateLimiter::restore(double level, core::TimePoint at, core::TimePoint now) noexcept {
    leak(now);
    const double since = now > at ? core::to_seconds(now - at) : 0;
    level_ = std::clamp(level - rate_ * since, 0.0, burst_);
    assumed_spent_ = 0;
}

}  // namespace b24gate::admission
