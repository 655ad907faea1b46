// How many there were in the last so many minutes, made of a total that is read now and then. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include <b24gate/core/clock.hpp>

namespace b24gate::alerts {

/// `N` totals that are read together. Bounded: about `steps` readings are kept, whatever the window.
template <std::size_t N>
class CallWindow {
public:
    using Totals = std::array<std::uint64_t, N>;
    static constexpr std::size_t steps = 200;

    /// `longest`: the longest window that will be asked for.
    explicit CallWindow(core::Duration longest) : longest_(longest) {}

    /// Total counts since whenever; smaller than the last ones: they began anew.
    void sample(const Totals& totals, core::TimePoint now) {
        for (std::size_t i = 0; i < N; ++i)
            if (totals[i] < last_[i]) readings_.clear();
        last_ = totals;
        if (readings_.empty() || now - readings_.back().at >= longest_ / steps) readings_.push_back({now, totals});
        // One reading at or before the beginning of the window stays: the count goes on from it.
        while (readings_.size() > 1 && readings_[1].at <= now - longest_) readings_.pop_front();
    }

    /// What was added within `window` before now, as of the last sample.
    [[nodiscard]] Totals within(core::Duration window, core::TimePoint now) const {
        Totals out{};
        if (readings_.empty()) return out;
        const Reading* from = &readings_.front();
        for (const Reading& reading : readings_) {
            if (reading.at > now - window) break;
            from = &reading;
        }
        for (std::size_t i = 0; i < N; ++i) out[i] = last_[i] - from->totals[i];
        return out;
    }

private:
    struct Reading {
        core::TimePoint at;
        Totals totals;
    };
    core::Duration longest_;
    Totals last_{};
    std::deque<Reading> readings_;
};

}  // namespace b24gate::alerts
