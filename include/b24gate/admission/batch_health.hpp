// Whether calls of one credential may travel in batches: not for a while after batches have failed. Pure; not
// thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::admission {

/// on -> off (a minute, doubling with each failed probe to half an hour) -> exactly one batch as a probe -> on or off.
/// What it learnt of the length is forgotten after a few batches that went well.
class BatchHealth {
public:
    struct Settings {
        unsigned failures = 2;  ///< whole batches that failed, one after another
        core::Duration first = std::chrono::minutes(1);
        core::Duration longest = std::chrono::minutes(30);
        double most_operating = 240;  ///< seconds that the portal may report as operating time of "batch" itself
    };
    /// What an outcome of a whole batch says about batches.
    enum class Sign {
        carried,  ///< the portal took it apart, whatever became of the calls in it
        failed,
        none,  ///< limits, overload and credentials have their own machinery
    };
    enum class Change { none, off, on };

    BatchHealth() = default;
    explicit BatchHealth(Settings settings) : settings_(settings) {}
    void reconfigure(Settings settings) noexcept { settings_ = settings; }

    /// `sent`: the request may have reached the portal.
    [[nodiscard]] static Sign sign_of(bitrix::ErrorClass, bool sent) noexcept;

    /// May a batch leave? While a probe is out no other one may.
    [[nodiscard]] bool allows(core::TimePoint now) const noexcept { return !off_ || (now >= until_ && probe_ == 0); }
    /// Batch `number` (not zero) leaves.
    void left(std::uint64_t number) noexcept;
    /// Its outcome. `operating`: seconds reported for "batch" itself; below zero: none.
    Change record(std::uint64_t number, Sign, double operating, core::TimePoint now);

    [[nodiscard]] bool off() const noexcept { return off_; }
    [[nodiscard]] bool probing() const noexcept { return probe_ != 0; }
    [[nodiscard]] core::TimePoint until() const noexcept { return until_; }   ///< when a probe may go
    [[nodiscard]] const std::string& why() const noexcept { return why_; }    ///< empty when nothing is wrong
    [[nodiscard]] core::Duration length() const noexcept { return length_; }  ///< of the last time off

private:
    Change turn_off(core::TimePoint now, std::string why);

    Settings settings_;
    bool off_ = false;
    unsigned failures_ = 0;
    unsigned carried_ = 0;  ///< in a row since it was last off
    std::uint64_t probe_ = 0;
    std::uint64_t last_left_ = 0;
    std::uint64_t stale_ = 0;  ///< batches up to this number left before it was last off
    core::Duration length_{0};
    core::TimePoint until_;
    std::string why_;
};

}  // namespace b24gate::admission
