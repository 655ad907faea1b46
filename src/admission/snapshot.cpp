// What Admission shows of itself.
#include <b24gate/admission/admission.hpp>

#include <algorithm>
#include <cmath>

namespace b24gate::admission {

Quota Admission::quota(core::TimePoint now) {
    Quota quota;
    quota.unlimited = limiter_.unlimited();
    if (quota.unlimited) return quota;
    const double level = std::min(limiter_.level(now), limiter_.burst());
    const bool held = limiter_.held_until() > now;
    quota.remaining = held ? 0 : static_cast<std::uint64_t>(std::max(0.0, limiter_.capacity() - level));
    quota.reset_s = static_cast<std::uint64_t>(std::ceil(level / limiter_.rate()));
    quota.burst = static_cast<std::uint64_t>(limiter_.burst());
    quota.window_s = static_cast<std::uint64_t>(std::ceil(limiter_.burst() / limiter_.rate()));
    return quota;
}

Snapshot Admission::snapshot(core::TimePoint now) {
    Snapshot out;
    out.observe = settings_.observe;
    out.unlimited = limiter_.unlimited();
    out.level = limiter_.level(now);
    out.burst = limiter_.burst();
    out.capacity = limiter_.capacity();
    out.rate = limiter_.rate();
    out.plan_rate = limiter_.plan_rate();
    out.plan_learnt = limiter_.learnt();
    out.held_for = std::max(core::Duration::zero(), limiter_.held_until() - now);
    out.queue = queue_.size();
    for (std::size_t p = 0; p < priority_count; ++p) {
        const auto priority = static_cast<config::Priority>(p);
        out.queue_by_priority[p] = queue_.size(priority);
        out.predicted_wait[p] =
            predict(nullptr, queue_.ahead_of_new(priority, {}, 1, false, usual_fare(now)), now).wait;
    }
    out.queue_by_client = queue_.flows();
    out.in_flight = in_flight_;
    out.max_in_flight = concurrency_.limit();
    out.max_in_flight_configured = concurrency_.configured();
    out.slowdown = concurrency_.slowdown();
    out.operating = operating_.counters(now);
    for (const auto& [credential, breaker] : breakers_) {
        const auto state = breaker.state(now);
        if (state == Breaker::State::closed) continue;
        out.breakers.push_back({credential, state, breaker.why(), breaker.retry_at(now) - now});
    }
    out.batches_off = coalescer_.off(now);
    out.batches = coalescer_.counters();
    out.counters = counters_;
    return out;
}

}  // namespace b24gate::admission
