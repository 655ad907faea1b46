// How many requests a portal gets at once: less when it answers far more slowly than it used to. Pure.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include <b24gate/core/clock.hpp>

namespace b24gate::admission {

/// Methods differ in cost a thousandfold, so each answer is compared with the usual latency of its own method
/// (geometric mean over the last fifty or so), and only that ratio, smoothed over about ten answers, steers: above 3
/// the limit halves, below 1.5 it grows by one per round of answers. While the portal is slow the usual latency hardly
/// moves, so that overload is not learnt as normal; a lasting change is taken over in some hundred answers.
/// Methods beyond the table's bound, and those with fewer than ten answers, do not steer.
class Concurrency {
public:
    explicit Concurrency(unsigned configured) noexcept
        : configured_(configured ? configured : 1), limit_(configured_) {}

    /// An answer (or a timeout, with the time waited) of `method` after `latency`.
    void record(std::string_view method, core::Duration latency);
    void reconfigure(unsigned configured) noexcept;

    [[nodiscard]] unsigned limit() const noexcept { return limit_; }  ///< 1..configured
    [[nodiscard]] unsigned configured() const noexcept { return configured_; }
    /// Now against usual: 1 is as ever.
    [[nodiscard]] double slowdown() const noexcept;
    /// Smoothed over all methods; zero before the first answer.
    [[nodiscard]] core::Duration latency() const noexcept { return core::from_seconds(mean_); }

private:
    struct Baseline {
        double log_mean = 0;
        unsigned samples = 0;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
    };

    unsigned configured_;
    unsigned limit_;
    double log_ratio_ = 0;
    double mean_ = 0;  ///< seconds
    unsigned since_change_ = 0;
    std::unordered_map<std::string, Baseline, Hash, std::equal_to<>> baselines_;
};

}  // namespace b24gate::admission
