// Stops calling with a credential that the portal turns away for overload. Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include <b24gate/core/clock.hpp>

namespace b24gate::admission {

/// closed -> open (5 s, doubling with each failed probe to 15 min) -> half-open: exactly one probe -> closed or open.
class Breaker {
public:
    enum class State { closed, open, half_open };

    struct Settings {
        unsigned pages_to_open = 3;  ///< code-less 503/429 pages in a row
        core::Duration first = std::chrono::seconds(5);
        core::Duration longest = std::chrono::minutes(15);
    };
    /// What an answer says about the portal's willingness.
    enum class Sign {
        willing,   ///< it answered, whatever it said
        overload,  ///< OVERLOAD_LIMIT: opens at once
        page,      ///< a 503 or 429 without a code
        none       ///< it was not asked, or did not answer
    };

    Breaker() = default;
    explicit Breaker(Settings settings) : settings_(settings) {}

    [[nodiscard]] State state(core::TimePoint now) const noexcept;
    /// May this call go? Half-open, the first to ask is the probe and nobody else passes until its result is recorded
    /// or it is given up.
    [[nodiscard]] bool admit(std::uint64_t id, core::TimePoint now) noexcept;
    /// `id`'s answer. True: the breaker has just opened (again).
    bool record(std::uint64_t id, Sign, core::TimePoint now);
    /// `id` will not go after all: another call may be the probe.
    void give_up(std::uint64_t id) noexcept;

    /// When the next probe may go; `now` when somebody may go now. While a probe is out: one second from now.
    [[nodiscard]] core::TimePoint retry_at(core::TimePoint now) const noexcept;
    [[nodiscard]] const std::string& why() const noexcept { return why_; }  ///< empty when nothing is wrong
    /// Nothing to remember: closed, and no page counted.
    [[nodiscard]] bool idle() const noexcept { return !open_ && pages_ == 0; }

private:
    void open(core::TimePoint now, std::string why);

    Settings settings_;
    bool open_ = false;
    unsigned pages_ = 0;
    core::Duration length_{0};
    core::TimePoint until_;
    std::uint64_t probe_ = 0;
    bool probing_ = false;
    std::string why_;
};

}  // namespace b24gate::admission
