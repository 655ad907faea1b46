#include <b24gate/admission/running_times.hpp>

#include <cmath>

namespace b24gate::admission {

namespace {

constexpr std::size_t max_methods = 1024;
constexpr double weight = 0.1;  // of a new answer
// One request runs for a minute at most; more is a clock's mistake.
constexpr double most_seconds = 600;

}  // namespace

void RunningTimes::record(std::string_view method, double seconds) {
    if (!(seconds >= 0 && seconds < most_seconds)) return;
    const auto it = methods_.find(method);
    if (it == methods_.end()) {
        // Nothing is known yet of how much it varies.
        if (methods_.size() < max_methods) methods_.emplace(std::string(method), Estimate{seconds, seconds / 2});
        return;
    }
    Estimate& known = it->second;
    const double off = seconds - known.mean;
    known.mean += weight * off;
    known.deviation += weight * (std::abs(off) - known.deviation);
}

double RunningTimes::expected(std::string_view method) const {
    const auto it = methods_.find(method);
    return it == methods_.end() ? unknown : it->second.mean + it->second.deviation;
}

}  // namespace b24gate::admission
