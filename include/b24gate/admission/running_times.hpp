// How long each method runs at the portal, learnt from its answers. Pure; not thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

namespace b24gate::admission {

/// Mean and mean deviation of every method's running time, smoothed over some ten answers. Methods beyond the table's
/// bound stay unknown.
class RunningTimes {
public:
    static constexpr double unknown = 0.3;  ///< seconds: what a method is taken for that has not been seen yet

    /// One call of `method` ran for so many seconds. What is no time is ignored.
    void record(std::string_view method, double seconds);
    /// Seconds that a call of `method` may well take: the mean and one deviation.
    [[nodiscard]] double expected(std::string_view method) const;

private:
    struct Estimate {
        double mean;
        double deviation;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
    };

    std::unordered_map<std::string, Estimate, Hash, std::equal_to<>> methods_;
};

}  // namespace b24gate::admission
