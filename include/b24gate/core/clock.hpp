// Time as a value: nothing below the coroutine shells reads a clock, `now` is always an argument.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace b24gate::core {

/// Monotonic: wall-clock steps never shorten or stretch a wait.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

/// The moment after which the caller no longer wants an answer. Made once when a request is parsed and passed down;
/// every wait on the way spends from it.
struct Deadline {
    TimePoint at = TimePoint::max();

    [[nodiscard]] bool passed(TimePoint now) const noexcept { return now >= at; }
    [[nodiscard]] Duration left(TimePoint now) const noexcept { return at > now ? at - now : Duration::zero(); }
    /// The earlier of this deadline and `now + limit`.
    [[nodiscard]] Deadline within(TimePoint now, Duration limit) const noexcept {
        return Deadline{left(now) < limit ? at : now + limit};
    }
};

/// Of the wall clock, for what is shown or stored; it may step, so no interval is measured with it.
[[nodiscard]] inline std::int64_t unix_ms() noexcept {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}
[[nodiscard]] inline double unix_seconds() noexcept {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

[[nodiscard]] inline double to_seconds(Duration d) noexcept { return std::chrono::duration<double>(d).count(); }
[[nodiscard]] inline Duration from_seconds(double s) noexcept {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}
[[nodiscard]] inline long long to_ms(Duration d) noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

}  // namespace b24gate::core
