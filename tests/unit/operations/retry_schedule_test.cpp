#include <doctest/doctest.h>

#include <limits>

#include <b24gate/operations/retry_schedule.hpp>

using namespace b24gate;
using namespace b24gate::operations;
using namespace std::chrono_literals;
using Verdict = CallbackVerdict::Kind;

TEST_CASE("the defaults are the configuration's, eight pauses over about a day") {
    const Rules rules = rules_of(config::Operations{});
    const Rules defaults;
    CHECK(rules.attempts == defaults.attempts);
    CHECK(rules.base == defaults.base);
    CHECK(rules.max == defaults.max);
    CHECK(rules.not_found == defaults.not_found);
    CHECK(rules.limit_age == defaults.limit_age);
    CHECK(rules.settle == defaults.settle);
    CHECK(rules.key_window == defaults.key_window);
    CHECK(rules.block_on_failure == defaults.block_on_failure);

    const Milliseconds steps[] = {30s, 90s, 270s, 810s, 2430s, 7290s, 21870s, 12h};
    Milliseconds total{};
    for (unsigned n = 1; n <= rules.attempts; ++n) {
        CHECK(pause_after(n, rules, 0.5) == steps[n - 1]);
        CHECK(pause_after(n, rules, 0) == steps[n - 1] * 8 / 10);
        CHECK(pause_after(n, rules, 1) == steps[n - 1] * 12 / 10);
        total += steps[n - 1];
    }
    CHECK(total > 21h);
    CHECK(total < 22h);
    CHECK(pause_after(1000, rules, 0.5) == 12h);
    CHECK(pause_after(0, rules, 0.5) == 30s);
    for (const double odd : {-1.0, 2.0, std::numeric_limits<double>::quiet_NaN()}) {
        CHECK(pause_after(1, rules, odd) >= 24s);
        CHECK(pause_after(1, rules, odd) <= 36s);
    }
}

TEST_CASE("a callback: ten sendings over three days") {
    Milliseconds total{};
    for (unsigned n = 1; n < callback_tries; ++n) {
        const CallbackVerdict verdict = judge_callback(n, 500, std::nullopt, 0.5);
        CHECK(verdict.kind == Verdict::again);
        total += verdict.pause;
    }
    CHECK(total == 75h + 35min + 5s);
    CHECK(judge_callback(callback_tries, 500, std::nullopt, 0.5).kind == Verdict::given_up);
}

TEST_CASE("what a receiver's answer means") {
    struct Row {
        unsigned status;
        Verdict kind;
    };
    for (const Row& row : {Row{200, Verdict::delivered}, Row{202, Verdict::delivered}, Row{299, Verdict::delivered},
                           Row{302, Verdict::again}, Row{400, Verdict::again}, Row{404, Verdict::again},
                           Row{410, Verdict::given_up}, Row{500, Verdict::again}, Row{0, Verdict::again}}) {
        CAPTURE(row.status);
        CHECK(judge_callback(1, row.status, std::nullopt, 0.5).kind == row.kind);
    }
    CHECK(judge_callback(callback_tries, 204, std::nullopt, 0.5).kind == Verdict::delivered);
    CHECK(judge_callback(1, 500, std::nullopt, 0.5).pause == 5s);
    CHECK(judge_callback(1, 429, std::nullopt, 0.5).pause == 60s);
    CHECK(judge_callback(1, 500, 30s, 0.5).pause == 30s);
    CHECK(judge_callback(1, 500, 86'400s, 0.5).pause == 60s);
    CHECK(judge_callback(2, 500, 86'400s, 0.5).pause == 600s);
    CHECK(judge_callback(2, 500, -5s, 0.5).pause == 300s);
}
