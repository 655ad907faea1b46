// A portal that counts exactly as documented, written without a look at the gateway's own bookkeeping: the judge in
// simulated-time tests. Times are seconds as double, on the portal's clock.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>

namespace b24gate::test {

class PortalModel {
public:
    double burst = 50;
    double rate = 2;
    bool refused_hits_count = true;  ///< not documented; both are possible
    double operating_limit = 480;
    bool whole_minutes = false;  ///< baskets leave ten minutes after their minute, not after its first call
    bool reset_announced = true;
    bool operating_counters = true;  ///< false: self-hosted without the limiter

    std::uint64_t hits = 0;
    std::uint64_t rate_refusals = 0;
    std::uint64_t operating_refusals = 0;
    double highest_level = 0;

    /// One request arrives. False: QUERY_LIMIT_EXCEEDED.
    bool hit(double at) {
        level_ = std::max(0.0, level_ - (at - seen_) * rate);
        seen_ = at;
        ++hits;
        const bool pass = level_ + 1 <= burst + 1e-9;
        if (pass || refused_hits_count) level_ += 1;
        highest_level = std::max(highest_level, level_);
        if (!pass) ++rate_refusals;
        return pass;
    }

    struct Charge {
        bool refused = false;
        double operating = 0;
        double reset_at = 0;
    };
    /// May the method start? It may while the sum of its ten baskets does not exceed the limit.
    bool may_run(const std::string& key, double at) {
        if (!operating_counters || sum(key, at) <= operating_limit) return true;
        ++operating_refusals;
        return false;
    }
    /// It ended after `seconds` of work.
    Charge finished(const std::string& key, double at, double seconds) {
        const auto minute = static_cast<std::int64_t>(std::floor(at / 60));
        sum(key, at);
        auto& baskets = baskets_[key];
        if (seconds >= 0.1) {
            auto& basket = baskets[minute];
            if (basket.seconds == 0) basket.first = whole_minutes ? static_cast<double>(minute + 1) * 60 : at;
            basket.seconds += seconds;
        }
        const double total = sum(key, at);
        return {false, total, baskets.empty() ? at + 600 : std::floor(baskets.begin()->second.first + 600)};
    }
    double sum(const std::string& key, double at) {
        auto& baskets = baskets_[key];
        while (!baskets.empty() && baskets.begin()->second.first + 600 <= at) baskets.erase(baskets.begin());
        double total = 0;
        for (const auto& [minute, basket] : baskets) total += basket.seconds;
        return total;
    }

private:
    struct Basket {
        double first = 0;
        double seconds = 0;
    };
    double level_ = 0;
    double seen_ = 0;
    std::map<std::string, std::map<std::int64_t, Basket>> baskets_;
};

}  // namespace b24gate::test
