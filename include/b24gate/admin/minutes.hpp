// How many calls there were, minute by minute over the last hour, made of totals that are kept elsewhere and read now
// and then. Pure but for its lock; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace b24gate::admin {

/// Calls by whose fault they failed: bitrix::Fault in its order; none: they did not.
using FaultTotals = std::array<std::uint64_t, 4>;

class Minutes {
public:
    static constexpr std::size_t kept = 60;

    struct Minute {
        std::int64_t begin = 0;  ///< Unix seconds, a multiple of 60
        FaultTotals calls{};
    };

    /// `totals`: by portal, since the start of the process. What has come since the last sample belongs to the minute
    /// of this one; so sample several times a minute.
    void sample(const std::map<std::string, FaultTotals>& totals, std::int64_t unix_seconds);

    /// The last hour, the oldest first, up to the minute of now, which is not over; without gaps.
    [[nodiscard]] std::vector<Minute> all(std::int64_t unix_seconds) const;
    /// What one portal had in the last `minutes` of them.
    [[nodiscard]] FaultTotals of(const std::string& portal, std::size_t minutes, std::int64_t unix_seconds) const;

private:
    struct Slot {
        std::int64_t begin = 0;
        std::map<std::string, FaultTotals> portals;
    };
    mutable std::mutex mutex_;
    std::map<std::string, FaultTotals> last_;
    std::deque<Slot> slots_;  ///< the oldest first
};

}  // namespace b24gate::admin
