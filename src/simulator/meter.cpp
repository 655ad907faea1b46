#include <b24gate/simulator/meter.hpp>

#include <algorithm>
#include <cstdio>

namespace b24gate::simulator {

std::string iso8601(Moment at, int offset_minutes) {
    using namespace std::chrono;
    const auto local = floor<std::chrono::seconds>(at + minutes(offset_minutes));
    const auto day = floor<days>(local);
    const year_month_day date(day);
    const hh_mm_ss clock(local - day);
    const int offset = std::abs(offset_minutes);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d%c%02d:%02d", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()), offset_minutes < 0 ? '-' : '+', offset / 60, offset % 60);
    return text;
}

double LeakyBucket::level(const Plan& plan, Moment now) const {
    return std::max(0.0, level_ - plan.rate * seconds(std::max(Micros(0), Micros(now - at_))));
}

bool LeakyBucket::hit(const Plan& plan, Moment now) {
    if (plan.burst <= 0) return true;
    level_ = level(plan, now);
    at_ = std::max(at_, now);
    // Sums of thirds and fifths must not refuse the hit that just fits.
    const bool fits = level_ + 1 <= plan.burst + 1e-9;
    if (fits || plan.count_refused) level_ += 1;
    return fits;
}

void OperatingBaskets::drop(Moment now) {
    while (!baskets_.empty() && now >= baskets_.front().first + window) {
        sum_ -= baskets_.front().spent;
        baskets_.pop_front();
    }
}

void OperatingBaskets::add(Micros cost, Moment now) {
    drop(now);
    if (cost < threshold) return;
    const long long minute = now.time_since_epoch() / std::chrono::minutes(1);
    if (baskets_.empty() || baskets_.back().minute != minute) baskets_.push_back({minute, now, Micros(0)});
    baskets_.back().spent += cost;
    sum_ += cost;
}

Micros OperatingBaskets::sum(Moment now) {
    drop(now);
    return sum_;
}

std::optional<long long> OperatingBaskets::reset_at(Moment now) {
    drop(now);
    if (baskets_.empty()) return std::nullopt;
    return std::chrono::ceil<std::chrono::seconds>(baskets_.front().first + window).time_since_epoch().count();
}

}  // namespace b24gate::simulator
