#include <b24gate/admission/concurrency.hpp>

#include <algorithm>
#include <cmath>

namespace b24gate::admission {

namespace {

constexpr std::size_t max_methods = 512;
constexpr unsigned settled = 10;       // answers until a method's usual latency is known
constexpr double usual_weight = 0.02;  // of a new answer in the usual latency
constexpr double slow_weight = 0.002;  // the same while the portal is slow
constexpr double recent_weight = 0.1;  // of a new answer in the ratio
constexpr double mean_weight = 0.05;   // of a new answer in the mean latency
const double far_above = std::log(3.0);
const double as_usual = std::log(1.5);
const double slow = std::log(2.0);
// One answer says at most this much: a single minute-long call is no climb.
const double one_says = std::log(20.0);

}  // namespace

void Concurrency::record(std::string_view method, core::Duration latency) {
    const double seconds = std::max(0.001, core::to_seconds(latency));
    mean_ = mean_ == 0 ? seconds : mean_ + mean_weight * (seconds - mean_);

    auto it = baselines_.find(method);
    if (it == baselines_.end()) {
        if (baselines_.size() >= max_methods) return;
        it = baselines_.emplace(std::string(method), Baseline{}).first;
    }
    Baseline& usual = it->second;
    const double value = std::log(seconds);
    const double above = value - usual.log_mean;
    if (usual.samples < settled) {
        usual.samples += 1;
        usual.log_mean += above / usual.samples;
        return;
    }
    log_ratio_ += recent_weight * (std::clamp(above, -one_says, one_says) - log_ratio_);
    usual.log_mean += (log_ratio_ > slow ? slow_weight : usual_weight) * above;

    since_change_ += 1;
    if (since_change_ < std::max(limit_, settled)) return;
    if (log_ratio_ > far_above && limit_ > 1) {
        limit_ = std::max(1U, limit_ / 2);
        since_change_ = 0;
    } else if (log_ratio_ < as_usual && limit_ < configured_) {
        limit_ += 1;
        since_change_ = 0;
    }
}

void Concurrency::reconfigure(unsigned configured) noexcept {
    const unsigned before = configured_;
    configured_ = std::max(1U, configured);
    limit_ = limit_ == before ? configured_ : std::min(limit_, configured_);
}

double Concurrency::slowdown() const noexcept { return std::exp(log_ratio_); }

}  // namespace b24gate::admission
