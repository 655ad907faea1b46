// The simulator's time: one wall clock with microseconds, always handed in, so that tests and POST /clock can move it.
#pragma once

#include <chrono>
#include <string>

namespace b24gate::simulator {

using Micros = std::chrono::microseconds;
using Moment = std::chrono::sys_time<Micros>;

[[nodiscard]] inline double unix_seconds(Moment at) noexcept {
    return static_cast<double>(at.time_since_epoch().count()) / 1e6;
}
[[nodiscard]] inline double seconds(Micros span) noexcept { return static_cast<double>(span.count()) / 1e6; }
[[nodiscard]] inline Micros from_seconds(double s) noexcept { return Micros(static_cast<long long>(s * 1e6 + 0.5)); }

/// `2026-09-21T16:13:20+03:00`.
[[nodiscard]] std::string iso8601(Moment at, int offset_minutes);

}  // namespace b24gate::simulator
