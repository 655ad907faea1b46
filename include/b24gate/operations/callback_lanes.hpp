// Which callback is sent now. Every receiver has a lane of its own: a few at once, a bounded number behind them, and
// who finds no place there goes back to the store until the lane is likely to be free. So a receiver that takes long,
// or is owed very many, holds up nobody but itself. Pure; one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <b24gate/core/clock.hpp>

namespace b24gate::operations {

class CallbackLanes {
public:
    static constexpr std::size_t at_once = 8;         ///< to one receiver
    static constexpr std::size_t most_waiting = 128;  ///< for one receiver
    static constexpr std::size_t most_held = 512;     ///< sent and waiting, in all

    enum class Kind {
        send,
        wait,      ///< until `finished` names it
        postpone,  ///< it goes back for `pause`
    };
    struct Verdict {
        Kind kind = Kind::send;
        std::chrono::milliseconds pause{0};
    };

    /// `number` wants to go to `origin`. `random`: uniform in [0, 1). Postponed ones are not held.
    [[nodiscard]] Verdict admit(const std::string& origin, std::int64_t number, core::TimePoint now, double random);
    /// A sending has ended after `took` (nullopt: nothing was sent); answers which one has its place now.
    [[nodiscard]] std::optional<std::int64_t> finished(const std::string& origin, std::optional<core::Duration> took);
    /// Those that wait, which are not held any more: there is a stop.
    [[nodiscard]] std::vector<std::int64_t> take_waiting();

    [[nodiscard]] std::size_t held() const noexcept { return held_; }
    [[nodiscard]] std::size_t room() const noexcept { return most_held - std::min(held_, most_held); }
    /// Forgets receivers that nothing goes to. Call it now and then.
    void forget(core::TimePoint now);
    [[nodiscard]] std::size_t lanes() const noexcept { return lanes_.size(); }

private:
    struct Lane {
        std::size_t running = 0;
        std::deque<std::int64_t> waiting;
        double seconds = 0.5;     ///< that one sending takes, as the last ones tell
        core::TimePoint free_at;  ///< when those that were sent back will have gone
    };

    std::map<std::string, Lane> lanes_;
    std::size_t held_ = 0;
};

}  // namespace b24gate::operations
