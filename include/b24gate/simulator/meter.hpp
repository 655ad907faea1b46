// The two budgets of a Bitrix24 portal. Pure: `now` is an argument.
#pragma once

#include <b24gate/simulator/moment.hpp>

#include <deque>
#include <optional>

namespace b24gate::simulator {

/// Each hit adds one, `rate` a second leak away, a hit that would lift the level over `burst` is refused.
class LeakyBucket {
public:
    struct Plan {
        double burst = 50;  ///< 0: no limit at all
        double rate = 2;
        bool count_refused = true;  ///< a refused hit adds to the level too
    };

    /// True: the hit passes.
    bool hit(const Plan& plan, Moment now);
    [[nodiscard]] double level(const Plan& plan, Moment now) const;

private:
    double level_ = 0;
    Moment at_{};
};

/// Seconds of work of one method under one credential over the last ten minutes, in one-minute baskets. A basket leaves
/// ten minutes after its first call.
class OperatingBaskets {
public:
    static constexpr Micros window = std::chrono::minutes(10);
    static constexpr Micros threshold = std::chrono::milliseconds(100);  ///< shorter calls are not added

    void add(Micros cost, Moment now);
    [[nodiscard]] Micros sum(Moment now);
    /// When the oldest basket leaves, in whole seconds; nullopt while there is none.
    [[nodiscard]] std::optional<long long> reset_at(Moment now);

private:
    struct Basket {
        long long minute;
        Moment first;
        Micros spent;
    };
    void drop(Moment now);

    std::deque<Basket> baskets_;
    Micros sum_{0};
};

}  // namespace b24gate::simulator
