// Bitrix24's second limit: the running time of one method under one credential, summed over ten one-minute baskets.
// Fed by `time.operating` and `time.operating_reset_at`. Pure; not thread-safe.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <b24gate/bitrix/outcome.hpp>
#include <b24gate/core/clock.hpp>

namespace b24gate::admission {

/// The portal reports the sum after each call, never the call's own share: what the sum grew by since the last answer
/// goes into the newest basket, and what it lost has left the oldest. A method whose answers carry no counters is not
/// held, unless the portal refuses it.
class OperatingBudget {
public:
    struct Settings {
        double limit = 480;           ///< seconds in ten minutes
        double slow_from = 0.8;       ///< of the limit
        std::size_t max_keys = 2048;  ///< counters kept; beyond it the least used are forgotten
    };
    struct Report {
        bitrix::Timing timing;
        core::TimePoint granted;  ///< when the call left
        bool counted = false;     ///< what granted() returned for it
        double unix_now = 0;      ///< wall clock, seconds; 0: unknown
    };

    OperatingBudget() = default;
    explicit OperatingBudget(Settings settings) : settings_(settings) {}

    /// The name of a counter. `batched` calls are counted apart from direct ones.
    [[nodiscard]] static std::string key(std::string_view credential, std::string_view method, bool batched = false);

    /// When the next call of `key` may leave; `now` when at once.
    [[nodiscard]] core::TimePoint open_at(std::string_view key, core::TimePoint now);
    /// A costly method whose calls would fill the slots: does `key` have as many in flight as half of `slots`?
    [[nodiscard]] bool fills_slots(std::string_view key, unsigned slots);
    /// An honest guess of when a call would leave that has `ahead` others of its key before it.
    [[nodiscard]] core::TimePoint predict(std::string_view key, std::size_t ahead, core::TimePoint now);
    /// A call leaves. Its expected cost counts until its answer is recorded. False: the key is not known yet.
    bool granted(std::string_view key, core::TimePoint now);
    /// Its answer, with whatever counters it had.
    void record(std::string_view key, const Report&, core::TimePoint now);
    /// OPERATION_TIME_LIMIT: the truth that corrects the ledger.
    void refused(std::string_view key, const Report&, core::TimePoint now);
    void reconfigure(Settings);

    struct Counter {
        std::string credential;
        std::string method;
        bool batched = false;
        double used = 0;  ///< seconds in the window
        double left = 0;
        double limit = 0;
        core::Duration held_for{0};  ///< until the next call may leave
    };
    [[nodiscard]] std::vector<Counter> counters(core::TimePoint now);

private:
    /// Far enough back that a difference with it does not overflow.
    static constexpr core::TimePoint never = core::TimePoint::min() + std::chrono::hours(24 * 365 * 200);

    struct Basket {
        long long minute;  ///< of the wall clock
        core::TimePoint expires;
        double seconds;
    };
    struct Ledger {
        std::deque<Basket> baskets;  ///< oldest first
        double limit;
        double cost = 0;  ///< expected seconds of one call
        bool known = false;
        bool estimated = false;  ///< a basket was taken to be gone since the last report
        unsigned in_flight = 0;
        bool proving = false;  ///< after a refusal one call at a time, until one is accepted
        core::TimePoint last_report = never;
        core::TimePoint limit_changed = never;
        core::TimePoint last_grant = never;
        core::TimePoint blocked_until = never;
        core::TimePoint last_refusal = never;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
    };

    Ledger* find(std::string_view key);
    Ledger& obtain(std::string_view key, core::TimePoint now);
    void forget_some(core::TimePoint now);
    static double used(Ledger&, core::TimePoint now);
    core::TimePoint open_at(Ledger&, core::TimePoint now) const;
    void learn_offset(const Report&, core::TimePoint now);
    void learn_reset(Ledger&, const Report&, core::TimePoint now) const;
    void learn_limit(Ledger&, double sum, bool again, core::TimePoint now) const;
    long long minute_of(const Report&, core::TimePoint now) const;

    Settings settings_;
    double offset_ = 0;  ///< portal's clock less ours, seconds; only what makes resets later
    double highest_offset_ = -1e9;
    double wall_base_ = 0;  ///< wall clock less steady clock; moves when the wall clock is set
    std::unordered_map<std::string, Ledger, Hash, std::equal_to<>> ledgers_;
};

}  // namespace b24gate::admission
